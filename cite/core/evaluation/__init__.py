from .confusion import accuracy, class_accuracy, mean_accuracy, predicted
from .metrics import METRICS, Metric, check_metrics, compute_metrics
from .scores import bag_scores, stack_scores

__all__ = [
    'METRICS',
    'Metric',
    'accuracy',
    'bag_scores',
    'check_metrics',
    'class_accuracy',
    'compute_metrics',
    'mean_accuracy',
    'predicted',
    'stack_scores',
]
