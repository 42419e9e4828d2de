# The runtime of configs/gastric for runs of 100 iterations.
_base_ = '../../gastric/_base_/iter_based_runtime.py'

checkpoint_config = dict(interval=50)
evaluation = dict(interval=100, metric=['accuracy', 'bag_class_accuracy'])
