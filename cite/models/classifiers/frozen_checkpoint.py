"""Checkpoints without pretrained frozen weights: left out, checked, filled in."""

from typing import Any, Optional

import torch
from torch import Tensor, nn

from cite.core.frozen import (
    DIGEST_KEY,
    NO_CHECKPOINT_KEY,
    frozen_digest,
    frozen_state,
    has_known_source,
)


class FrozenCheckpoint:
    """State-dict hooks of a classifier with a frozen ``backbone``.

    Saving leaves out the frozen state whose source is known and adds its digest.
    Loading such a state dict takes the frozen state from the model, which reads it from
    its ``init_cfg`` if necessary, and compares digests.

    Args:
        model: classifier on which the hooks are registered.
        save_frozen: keep the frozen state in checkpoints.
    """

    def __init__(self, model: nn.Module, save_frozen: bool) -> None:
        self.save_frozen = save_frozen
        self._digest: Optional[tuple[tuple, Tensor]] = None
        model._register_state_dict_hook(self._after_save)
        model._register_load_state_dict_pre_hook(self._before_load, with_module=True)

    def digest(self, backbone: nn.Module) -> Tensor:
        """Return the digest of the frozen state, computed anew only after a change."""
        digest = getattr(backbone, 'digest', None)
        if isinstance(digest, str):  # a FeatureBackbone's
            return torch.tensor([*bytes.fromhex(digest)], dtype=torch.uint8)
        versions = tuple((id(t), t._version) for _, t in frozen_state(backbone))
        if self._digest is None or self._digest[0] != versions:
            self._digest = (versions, frozen_digest(backbone))
        return self._digest[1]

    def _after_save(
        self, model: Any, state: dict[str, Tensor], prefix: str, _: Any
    ) -> None:
        backbone = model.backbone
        if getattr(backbone, 'digest', None):
            state[prefix + DIGEST_KEY] = self.digest(backbone)
            return
        if self.save_frozen or not has_known_source(backbone):
            return
        names = [name for name, _ in frozen_state(backbone)]
        for name in names:
            state.pop(f'{prefix}backbone.{name}', None)
        if names:
            state[prefix + DIGEST_KEY] = self.digest(backbone).clone()

    def _before_load(
        self, model: Any, state: dict[str, Tensor], prefix: str, *_: Any
    ) -> None:
        digest = state.pop(prefix + DIGEST_KEY, None)
        if state.pop(prefix + NO_CHECKPOINT_KEY, None) is not None:
            _keep_model_state(model, state, prefix)
        elif digest is not None:
            self._fill_frozen(model.backbone, state, prefix + 'backbone.', digest)

    def _fill_frozen(
        self, backbone: nn.Module, state: dict[str, Tensor], prefix: str, digest: Tensor
    ) -> None:
        frozen = dict(frozen_state(backbone))
        if frozen and all(prefix + name in state for name in frozen):
            return
        if not frozen and not getattr(backbone, 'digest', None):
            return
        if not _equal(self.digest(backbone), digest):
            # `mim test` does not call init_weights.
            _read_init_cfg(backbone)
        if not _equal(self.digest(backbone), digest):
            init_cfg = getattr(backbone, 'init_cfg', None) or {}
            source = getattr(backbone, 'weights_source', None)
            source = source or init_cfg.get('checkpoint') or 'drawn at random'
            raise ValueError(
                'the checkpoint was trained on other frozen weights than this '
                f'{type(backbone).__name__} holds ({source}). Name the '
                'weights of training in model.backbone (arch, checkpoint or init_cfg).'
            )
        for name, tensor in frozen.items():
            state.setdefault(prefix + name, tensor)


def _equal(digest: Tensor, saved: Tensor) -> bool:
    # PyTorch 1.13 compares tensors of one type alone.
    return digest.dtype == saved.dtype and torch.equal(digest, saved.cpu())


def _read_init_cfg(backbone: Any) -> None:
    init_cfg = getattr(backbone, 'init_cfg', None)
    if isinstance(init_cfg, dict) and init_cfg.get('type') == 'Pretrained':
        backbone._is_init = False
        backbone.init_weights()


def _keep_model_state(model: Any, state: dict[str, Tensor], prefix: str) -> None:
    """Fill an empty state dict from a model that has nothing to be trained."""
    trained: list[str] = [k for k, p in model.named_parameters() if p.requires_grad]
    if trained:
        raise ValueError(
            '--checkpoint none evaluates a model as it is built, but this one has '
            f'parameters that need training ({", ".join(trained[:3])}…). Give the '
            'checkpoint of a training run, or a zero-shot config.'
        )
    _read_init_cfg(model.backbone)
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        state.setdefault(prefix + name, tensor)
