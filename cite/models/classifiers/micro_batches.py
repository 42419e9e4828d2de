"""A training step in parts: a batch's gradients, with the memory of some images."""

from collections.abc import Iterator, Mapping
from typing import Any, Optional, Union

import torch
from mmcls.models.losses import CrossEntropyLoss, FocalLoss, LabelSmoothLoss
from mmcv.parallel import DataContainer
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from cite.models.precision import compute_dtype

from .normalize import flat_metas

# On a CPU more images take longer: their activations leave the caches, and blocks of
# memory above 32 MB are mapped anew each time.
AUTO_ON_CPU = 16
_KNOWN = ('cite', 'mmcls')  # packages of parts that take each image by itself
_RECOMPUTING = ('with_cp', 'grad_checkpointing', 'gradient_checkpointing')
_FP16 = (
    "model.micro_batch={} does not go with model.precision='fp16', or 'auto' on a GPU "
    "that has no bf16: its gradients need a loss scale. Set 'bf16' or 'fp32'."
)
# Means over the images, so that a batch's loss is the mean of its parts' losses.
_MEANS = (CrossEntropyLoss, FocalLoss, LabelSmoothLoss)


def check_micro_batch(
    asked: Union[str, int, None], precision: str
) -> Union[str, int, None]:
    """Return a valid ``model.micro_batch``.

    Raises:
        ValueError: it is another value, or a number with fp16, whose small gradients a
            loss scale must keep from vanishing before they are summed.
    """
    if asked is None or asked == 'auto':
        return asked
    if isinstance(asked, bool) or not isinstance(asked, int) or asked < 1:
        raise ValueError(
            f"model.micro_batch is {asked!r}; give 'auto', a number of images, or None "
            'for the whole batch.'
        )
    if precision == 'fp16':
        raise ValueError(_FP16.format(asked))
    return asked


def micro_batch_size(
    model: nn.Module, data: Mapping[str, Any], asked: Union[str, int, None]
) -> Optional[int]:
    """Return how many images of a batch are computed at a time, or None for all.

    Args:
        model: the classifier, in training.
        data: the batch, as the loader gives it.
        asked: ``model.micro_batch``; ``'auto'`` is 16 on a CPU and all on a GPU, and
            all of them where a part's loss would depend on the other parts, or might,
            in a classifier, neck or head of another package.

    Raises:
        ValueError: a number is asked for where the images depend on each other.
    """
    images = data.get('img')
    if asked is None or not (isinstance(images, Tensor) and images.dim() == 4):
        return None  # features need no memory to speak of
    automatic = asked == 'auto'
    if automatic and images.device.type != 'cpu':
        return None
    size = AUTO_ON_CPU if automatic else int(asked)
    if len(images) <= size:
        return None
    parts = model, model.neck if model.with_neck else model, model.head
    packages = {type(part).__module__.partition('.')[0] for part in parts}
    if automatic and not packages <= {*_KNOWN}:
        return None
    precision = getattr(model, 'precision', 'fp32')
    if compute_dtype(precision, images.device) == torch.float16:
        raise ValueError(_FP16.format(asked))
    reason = _why_whole(model, data)
    if reason and not automatic:
        raise ValueError(f'model.micro_batch={asked}, but {reason}. Leave it out.')
    return None if reason else size


def _why_whole(model: nn.Module, data: Mapping[str, Any]) -> Optional[str]:
    """Say why a model's batch cannot be divided, or return None."""
    count = len(data['img'])
    for key, values in _entries(data).items():
        if not (isinstance(values, (list, Tensor)) and len(values) == count):
            return f'{key!r} of the batch has not one entry for each of {count} images'
    if getattr(model, 'augments', None) is not None:
        return 'model.train_cfg.augments mixes the images of a batch'
    if any(isinstance(x, _BatchNorm) and x.training for x in model.modules()):
        return 'a batch normalisation in training averages over the whole batch'
    if any(getattr(x, key, False) for x in model.modules() for key in _RECOMPUTING):
        return 'with_cp or gradient checkpointing computes the batch in its own parts'
    if any(x.requires_grad and x._backward_hooks for x in model.parameters()):
        return 'a weight has a hook, which is to see the gradient of the whole batch'
    loss = getattr(model.head, 'compute_loss', None)
    if type(loss) not in _MEANS or getattr(loss, 'reduction', 'mean') != 'mean':
        return f'{type(loss).__name__} is not known to be a mean over the images'
    return None


def step_in_parts(model: Any, data: Mapping[str, Any], size: int) -> dict[str, Any]:
    """Compute losses and gradients of a batch, some images at a time.

    Args:
        model: the classifier, in training.
        data: the batch: tensors and lists with one entry an image.
        size: images at a time.

    Returns:
        what mmcls' ``train_step`` returns. The gradients are known already: its
        ``loss`` hands them to the weights in ``backward``. They are those of the whole
        batch but for the order in which the images are summed.
    """
    if getattr(model.backbone, 'awaits_batch', False):
        with torch.no_grad():
            model(**data)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    gradients: list[Optional[Tensor]] = [None] * len(weights)
    means: dict[str, Any] = {}
    count = len(data['img'])
    for part in _divide(data, size):
        share = len(part['img']) / count
        losses = dict(_flat_losses(model(**part)))
        loss: Any = sum(value for name, value in losses.items() if 'loss' in name)
        found = torch.autograd.grad(loss * share, weights, allow_unused=True)
        for i, gradient in enumerate(found):
            gradients[i] = _add(gradients[i], gradient)
        for name, value in losses.items():
            means[name] = _add(means.get(name), value.detach() * share)
    loss, log_vars = model._parse_losses(means)
    known = [(x, w) for x, w in zip(gradients, weights) if x is not None]
    found, used = zip(*known)
    return {
        'loss': _KnownGradients.apply(loss, found, *used),
        'log_vars': log_vars,
        'num_samples': count,
    }


class _KnownGradients(torch.autograd.Function):
    """A loss with the gradients of the weights, which are multiplied by its own."""

    @staticmethod
    def forward(ctx: Any, loss: Tensor, gradients: Any, *weights: Tensor) -> Tensor:
        ctx.gradients = gradients
        return loss.clone()

    @staticmethod
    def backward(ctx: Any, factor: Tensor) -> tuple[Optional[Tensor], ...]:  # type: ignore[override]
        if ctx.gradients is None:
            raise RuntimeError('the gradients of this step were handed out already')
        # The loss, which is kept until the next step, lets go of them.
        gradients, ctx.gradients = ctx.gradients, None
        return (None, None, *(gradient * factor for gradient in gradients))


def _divide(data: Mapping[str, Any], size: int) -> Iterator[dict[str, Any]]:
    entries = _entries(data)
    for start in range(0, len(entries['img']), size):
        part = slice(start, start + size)
        yield {key: values[part] for key, values in entries.items()}


def _entries(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a batch's tensors and lists, with the metas in one flat list."""
    entries = {}
    for key, value in data.items():
        value = value.data if isinstance(value, DataContainer) else value
        is_list = isinstance(value, (list, tuple))
        entries[key] = list(flat_metas(value)) if is_list else value
    return entries


def _flat_losses(losses: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    """Yield names and numbers, as mmcls' ``_parse_losses`` reads a head's losses."""
    for name, value in losses.items():
        if isinstance(value, Mapping):
            yield from value.items()
        elif isinstance(value, Tensor):
            yield name, value.mean()
        else:
            yield name, sum(x.mean() for x in value)


def _add(total: Optional[Tensor], value: Optional[Tensor]) -> Optional[Tensor]:
    return value if total is None else total if value is None else total + value
