from mmcv.runner import HOOKS, Hook, IterBasedRunner


@HOOKS.register_module()
class ClassCountHook(Hook):
    """Refuse to train a head whose classes are not as many as the data set's.

    mmcls' ``ClassNumCheckHook`` looks at every module with a ``num_classes``, which
    timm's backbones have too (0); this one looks at the head alone.

    Raises:
        ValueError: at the first iteration, with both numbers.
    """

    def __init__(self) -> None:
        self._checked = False

    def before_train_iter(self, runner: IterBasedRunner) -> None:
        if self._checked:
            return
        self._checked = True
        loader = getattr(runner.data_loader, '_dataloader', runner.data_loader)
        classes = loader.dataset.CLASSES
        model = getattr(runner.model, 'module', runner.model)
        num_classes = getattr(getattr(model, 'head', None), 'num_classes', None)
        if num_classes is None or classes is None or num_classes == len(classes):
            return
        raise ValueError(
            f'the head has {num_classes} classes (model.head.texts or '
            f'model.head.num_classes), the data set {len(classes)}: {list(classes)} '
            '(data.train.classes). Give one text per class, in the same order.'
        )
