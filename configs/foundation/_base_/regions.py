# CITE on regions instead of patches, for HIPT's region model.
_base_ = 'cite.py'
region = dict(
    type='PatchGastricPipeline',
    size=1024,  # regions: a multiple of 256; HIPT's own are of 4096
    mean='model',
    std='model',
    saturation=[0.8, 1.2],
    interpolation='model',
    backend='fast')
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
