from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, Union

import torch
from mmcls.models.builder import CLASSIFIERS
from torch import Tensor

from cite.core.files.weights import trim_heap
from cite.core.messages import check_choice
from cite.models.necks import ProjectionNeck
from cite.models.precision import PRECISIONS, autocast, refuse_array

from .frozen_checkpoint import FrozenCheckpoint
from .image_classifier import ImageClassifier
from .micro_batches import check_micro_batch, micro_batch_size, step_in_parts


@CLASSIFIERS.register_module()
class CITEClassifier(ImageClassifier):
    """mmcls' ``ImageClassifier`` with the freezing, precision and checkpoints of CITE.

    Source: Zhang et al., MICCAI 2023, arXiv:2307.14901, section 2.

    Example::

        model = dict(
            type='CITEClassifier',
            backbone=dict(type='PromptedCLIPImageBackbone', arch='ViT-B/16'),
            neck=dict(type='ProjectionNeck', in_features=512),
            head=dict(type='TextEmbeddingHead', texts=TEXTS, text_encoder=ENCODER),
        )

    Args:
        *args, **kwargs: arguments of mmcls' ``ImageClassifier``.
        freeze: parts to freeze whole besides those that freeze themselves: any of
            ``'backbone'``, ``'neck'`` and ``'head'``. They stay in eval mode.
        precision: compute precision, by autocast; parameters stay fp32. ``'auto'`` is
            bf16 on a GPU or CPU that multiplies it fast, fp16 on an older GPU, fp32 on
            an older CPU; or ``'fp32'``, ``'bf16'``, ``'fp16'``.
        save_frozen: write pretrained frozen backbone weights into checkpoints too. By
            default a checkpoint holds the trained parameters, the text embeddings and a
            digest of the frozen weights, which loading compares.
        compile: compile the backbone by ``torch.compile`` at its first batch, with
            these options if it is a dict; needs torch 2.2.
        micro_batch: number of images that a training step computes at a time. Their
            gradients are summed before the optimizer's step, so that the batch stays
            what it is and takes the memory of these images. ``'auto'`` is 16 on a CPU,
            which is faster there, and all on a GPU; None is all.

    Raises:
        ValueError: an unknown precision or part to freeze, or ``compile`` with an older
            torch; a ``micro_batch`` other than these, or, in the first step, one of
            images that depend on each other.
    """

    def __init__(
        self,
        *args: Any,
        freeze: Sequence[str] = (),
        precision: str = 'auto',
        save_frozen: bool = False,
        compile: Union[bool, dict[str, Any]] = False,
        micro_batch: Union[str, int, None] = 'auto',
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        _find_text_width(self)
        choices = ('auto', *PRECISIONS)
        self.precision = check_choice('model.precision', precision, choices)
        self.micro_batch = check_micro_batch(micro_batch, self.precision)
        self._frozen_parts = self._freeze(freeze)
        self._checkpoint = FrozenCheckpoint(self, save_frozen)
        if compile is not False:
            _compile(self.backbone, {} if compile is True else dict(compile))
        trim_heap()

    def _freeze(self, names: Sequence[str]) -> list[torch.nn.Module]:
        parts = {
            k: m for k, m in self.named_children() if k in ('backbone', 'neck', 'head')
        }
        unknown = [name for name in names if name not in parts]
        if unknown:
            raise ValueError(
                f'model.freeze names {unknown}; this model has {sorted(parts)}.'
            )
        return [parts[name].requires_grad_(False) for name in names]

    def train(self, mode: bool = True) -> 'CITEClassifier':
        """Set the mode; parts named in ``freeze`` stay in eval mode."""
        super().train(mode)
        for part in self._frozen_parts:
            part.eval()
        return self

    def train_step(
        self, data: dict[str, Any], optimizer: Any = None, **kwargs: Any
    ) -> dict[str, Any]:
        """Compute a batch's losses, see mmcls; ``micro_batch`` images at a time."""
        size = micro_batch_size(self, data, self.micro_batch)
        if size is None:
            return super().train_step(data, optimizer, **kwargs)
        return step_in_parts(self, data, size)

    def forward_train(
        self, img: Tensor, gt_label: Tensor, **kwargs: Any
    ) -> dict[str, Tensor]:
        """Compute the losses of images (N, 3, H, W) or features (N, D)."""
        refuse_array(img)
        with autocast(self.precision, img.device):
            return super().forward_train(img, gt_label, **kwargs)

    def simple_test(self, img: Tensor, img_metas: Any = None, **kwargs: Any) -> Any:
        """Compute the softmax scores of images (N, 3, H, W) or features (N, D)."""
        refuse_array(img)
        # Where gradients are on, the caller wants them, as Grad-CAM does. A trace
        # cannot record tensors of the inference mode.
        quick = not (torch.is_grad_enabled() or torch.jit.is_tracing())
        mode = torch.inference_mode() if quick else nullcontext()
        with mode, autocast(self.precision, img.device):
            return super().simple_test(img, img_metas, **kwargs)


def _find_text_width(classifier: Any) -> None:
    """Make a neck without ``out_features`` as wide as the head's texts.

    Without the language model the neck keeps no width, because a checkpoint that has
    both is enough for testing. Its forward pass then reports what is missing.
    """
    neck, head = getattr(classifier, 'neck', None), getattr(classifier, 'head', None)
    if not isinstance(neck, ProjectionNeck) or neck.out_features:
        return
    text_width = getattr(head, 'text_width', None)
    if text_width is None:
        raise ValueError(
            'model.neck.out_features is None, which takes the width of the texts of '
            f'model.head; {type(head).__name__} has none. Give a number.'
        )
    try:
        neck.resolve(text_width())
    except FileNotFoundError as error:
        neck.no_width = (
            f'{error} (The neck needs the width of its texts: '
            'model.neck.out_features is None.)'
        )


def _compile(module: torch.nn.Module, options: dict[str, Any]) -> None:
    if not hasattr(module, 'compile'):
        raise ValueError(
            f'model.compile needs torch 2.2 or newer, this is {torch.__version__}. '
            'Delete it, or use the modern stack: make env STACK=modern.'
        )
    # In place: the names in the state dict stay.
    module.compile(**options)
