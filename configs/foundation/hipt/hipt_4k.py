# CITE on HIPT's region model: ViT-XS over the class tokens of ViT-256.
# Weights and their conversion: docs/MODEL_ZOO.md
_base_ = '../_base_/cite.py'
model = dict(
    backbone=dict(
        type='TIMMImageBackbone',
        model_name='hipt_4k',
        checkpoint='data/models/hipt_4k.safetensors',
        prompt_length=1,
        prompt_init='token'),
    neck=dict(in_features=192))
region = dict(
    type='PatchGastricPipeline',
    size=1024,  # regions: a multiple of 256; HIPT's own are of 4096
    mean='model',
    std='model',
    saturation=[0.8, 1.2],
    interpolation='model')
train_pipeline = [
    region,
    dict(type='ToTensor', keys=['gt_label']),
    dict(type='Collect', keys=['img', 'gt_label'])
]
test_pipeline = [
    dict(test_mode=True, **region),
    dict(type='Collect', keys=['img'])
]
data = dict(
    train=dict(pipeline=train_pipeline),
    val=dict(pipeline=test_pipeline),
    test=dict(pipeline=test_pipeline))
work_dir = 'work_dirs/foundation/hipt_4k'
