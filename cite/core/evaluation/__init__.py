from .accuracy import accuracy, class_accuracy, mean_accuracy, predicted
from .bags import bag_scores
from .metrics import METRICS, Metric, check_metrics, compute_metrics
from .scores import stack_scores

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
