# PatchGastric as the backbone needs it: 'model' is replaced by the statistics that
# model.backbone was trained with (cite/models/image_stats.py). Colour jitter around the
# image's own colours, evaluation without augmentation.
# `gastric_dataset_released.py` has the released pipeline instead.
data_prefix = 'data/patches_captions/'
preprocess = dict(
    type='PatchGastricPipeline',
    size=224,
    mean='model',
    std='model',
    saturation=[0.8, 1.2],
    interpolation='model',
    backend='fast')  # 'pillow': the same images, slower
train_pipeline = [
    preprocess,
    dict(type='ToTensor', keys=['gt_label']),
    dict(type='Collect', keys=['img', 'gt_label'])
]
test_pipeline = [
    dict(test_mode=True, **preprocess),
    dict(type='Collect', keys=['img'])
]
data = dict(
    samples_per_gpu=128,  # per device: with n devices a step sees n * 128 images
    workers_per_gpu=4,
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
