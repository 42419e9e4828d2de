# CITE on ViT-tiny with random class vectors in the place of MiniLM's embeddings.
_base_ = 'cite_vit-tiny_minilm.py'

model = dict(
    head=dict(
        text_encoder=dict(_delete_=True, type='RandomVectors', width=384)))
work_dir = 'work_dirs/glas/cite_vit-tiny_no-text'
