# A recipe for a CPU, the same for every method: 100 iterations of batch 16.
runner = dict(type='IterBasedRunner', max_iters=100)
optimizer = dict(type='SGD', lr=0.03)
optimizer_config = dict(grad_clip=None)
lr_config = dict(
    policy='CosineAnnealing',
    min_lr=0.,
    by_epoch=False,
    warmup='constant',
    warmup_by_epoch=False,
    warmup_iters=10,
    warmup_ratio=0.005)
