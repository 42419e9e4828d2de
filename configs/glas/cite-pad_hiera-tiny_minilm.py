# CITE on Hiera-tiny with a prompt in pixel space: a border of 16 learnable pixels.
_base_ = 'cite_hiera-tiny_minilm.py'
model = dict(
    backbone=dict(prompt_length=16, prompt_pos='pad', prompt_init='zero'))
work_dir = 'work_dirs/glas/cite-pad_hiera-tiny_minilm'
