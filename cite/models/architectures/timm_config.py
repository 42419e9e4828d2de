from typing import Any

from cite.core.image_stats import ImageStats


def timm_config(
    stats: ImageStats, first_conv: str, classifier: str = 'head', **others: Any
) -> dict[str, Any]:
    """Return timm's ``default_cfgs`` entry of a model without a classifier.

    Args:
        stats: statistics, interpolation and size of its images.
        first_conv: name of the layer that takes the images.
        classifier: name of the classifier that timm would add.
        **others: further entries.
    """
    return {
        'num_classes': 0,
        'input_size': (3, stats.size, stats.size),
        'interpolation': stats.interpolation,
        'mean': stats.mean,
        'std': stats.std,
        'first_conv': first_conv,
        'classifier': classifier,
        **others,
    }
