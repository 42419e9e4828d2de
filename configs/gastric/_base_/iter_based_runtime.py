# After Ctrl-C or a kill, --auto-resume goes on from the last one.
checkpoint_config = dict(interval=200, max_keep_ckpts=1)
evaluation = dict(
    by_epoch=False,
    interval=1000,
    metric=['accuracy', 'class_accuracy', 'bag_accuracy', 'bag_class_accuracy'])
# Other loggers are a line each, e.g. dict(type='TensorboardLoggerHook').
log_config = dict(interval=10, hooks=[dict(type='TextLoggerHook')])
custom_hooks = [dict(type='ClassCountHook')]
dist_params = dict(backend='nccl')
log_level = 'INFO'
load_from = None
resume_from = None
workflow = [('train', 1)]
