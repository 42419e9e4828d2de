# PatchGastric as the backbone wants it: CLIP's size, statistics and interpolation,
# colour jitter around the image's own colours, evaluation without augmentation.
# `gastric_dataset_released.py` holds the released pipeline instead.
data_prefix = 'data/patches_captions/'
preprocess = dict(
    type='PatchGastricPipeline',
    size=224,
    mean=[0.48145466, 0.4578275, 0.40821073],  # CLIP's, clip/clip.py
    std=[0.26862954, 0.26130258, 0.27577711],
    saturation=[0.8, 1.2],
    interpolation='bicubic',
    backend='fast')  # 'pillow': the same images, several times slower
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
