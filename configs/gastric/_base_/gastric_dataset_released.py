# The data pipeline of the released repository, for its published numbers: nearly grey
# images, ImageNet statistics, bilinear resize, and the same augmentation in evaluation.
# It replaces `gastric_dataset.py` in a config's `_base_`.
data_prefix = 'data/patches_captions/'
train_pipeline = [
    dict(type='PatchGastricPipeline'),
    dict(type='ToTensor', keys=['gt_label']),
    dict(type='Collect', keys=['img', 'gt_label'])
]
test_pipeline = [
    dict(type='PatchGastricPipeline', test_mode=False, released=True),
    dict(type='Collect', keys=['img'])
]
data = dict(
    samples_per_gpu=128,
    workers_per_gpu=12,
    train=dict(
        type='PatchGastricCls3',
        data_prefix=data_prefix,
        ann_file='data/gastric_cls3_ann/train_all_0.2.txt',
        pipeline=train_pipeline),
    val=dict(
        type='PatchGastricCls3',
        data_prefix=data_prefix,
        ann_file='data/gastric_cls3_ann/val_0.8.txt',
        pipeline=test_pipeline),
    test=dict(
        type='PatchGastricCls3',
        data_prefix=data_prefix,
        ann_file='data/gastric_cls3_ann/val_0.8.txt',
        pipeline=test_pipeline))
