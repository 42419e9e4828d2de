from typing import Any

from mmcv.runner import HOOKS, Hook


@HOOKS.register_module()
class ClassCountHook(Hook):
    """Refuse to train a head whose number of classes differs from the data set's.

    mmcls' ``ClassNumCheckHook`` compares every module that has a ``num_classes``, and
    timm's backbones have one (0). Training by iterations includes this hook::

        custom_hooks = [dict(type='ClassCountHook')]

    Raises:
        ValueError: the numbers differ; raised at the first iteration.
    """

    def __init__(self) -> None:
        self._checked = False

    def before_train_iter(self, runner: Any) -> None:
        if self._checked:
            return
        self._checked = True
        loader = getattr(runner.data_loader, '_dataloader', runner.data_loader)
        check_class_count(runner.model, loader.dataset)


def check_class_count(model: Any, dataset: Any, part: str = 'train') -> None:
    """Refuse a head whose number of classes differs from a data set's.

    Args:
        model: classifier, or mmcv's wrapper of one.
        dataset: data set, or mmcls' wrapper of one.
        part: ``'train'``, ``'val'`` or ``'test'``, for the message.

    Raises:
        ValueError: the numbers differ.
    """
    classes = getattr(dataset, 'CLASSES', None)
    model = getattr(model, 'module', model)
    num_classes = getattr(getattr(model, 'head', None), 'num_classes', None)
    if num_classes is None or classes is None or num_classes == len(classes):
        return
    raise ValueError(
        f'the head has {num_classes} classes (model.head.texts or '
        f'model.head.num_classes), the data set {len(classes)}: {list(classes)} '
        f'(data.{part}.classes). Give one text per class, in the same order.'
    )
