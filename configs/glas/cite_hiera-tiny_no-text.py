# CITE on Hiera-tiny with random class vectors in the place of MiniLM's embeddings.
_base_ = 'cite_hiera-tiny_minilm.py'

model = dict(
    head=dict(
        text_encoder=dict(_delete_=True, type='RandomVectors', width=384)))
work_dir = 'work_dirs/glas/cite_hiera-tiny_no-text'
