import warnings

from cite.apis.class_order import check_class_order, classes_of_config
from cite.compare.methods.job import read_method
from cite.datasets.tables.class_file import PATCH_GASTRIC_CLASSES

from .config import Comparison


def check_classes(comparison: Comparison, config: str) -> None:
    """Check that the methods' configs name the classes in the comparison's order.

    A comparison gives its classes to every data set, but the texts of a head and the
    weights stay in the order of the method's config.

    Args:
        comparison: what is compared.
        config: path of the config, for messages.

    Raises:
        ValueError: a method has the same classes in another order. Other names are a
            warning.
    """
    ours = (f'{config}: classes', comparison.classes)
    for path in {method.config: None for method in comparison.methods.values()}:
        for key, names in dict(classes_of_config(read_method(path))).items():
            message = check_class_order(ours, (f'{path}: {key}', names))
            # What a config without `classes` has says nothing of its texts.
            if message and [*names] != [*PATCH_GASTRIC_CLASSES]:
                warnings.warn(message, stacklevel=2)
