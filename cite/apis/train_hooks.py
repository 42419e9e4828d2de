"""What happens in the course of a training besides its steps: hooks, evaluation."""

from collections.abc import Sequence
from typing import Any

from mmcls.core import DistOptimizerHook
from mmcls.datasets import build_dataset
from mmcv import Config
from mmcv.runner import BaseRunner, DistSamplerSeedHook, Fp16OptimizerHook

from cite.core.evaluation.eval_hooks import DistEvalHook, EvalHook, check_evaluation
from cite.core.hooks.class_count_hook import check_class_count
from cite.datasets.builder import build_dataloader
from cite.models.image_stats import settle_images

from .data_notes import log_data

_NO_SHUFFLE = {'shuffle': False, 'sampler_cfg': None, 'drop_last': False}


def register_hooks(
    runner: BaseRunner, cfg: Config, distributed: bool, datasets: Sequence[Any]
) -> None:
    """Register what a config names, and what every run of ours has.

    Args:
        runner: of the training.
        cfg: config of the run.
        distributed: several ranks take part.
        datasets: training data sets.

    Raises:
        ValueError: ``fp16`` has no ``loss_scale``.
    """
    runner.register_training_hooks(
        cfg.lr_config,
        _optimizer_config(cfg, distributed),
        cfg.checkpoint_config,
        cfg.log_config,
        cfg.get('momentum_config'),
        custom_hooks_config=_with_our_hooks(cfg, datasets),
    )
    if distributed and cfg.runner['type'] == 'EpochBasedRunner':
        runner.register_hook(DistSamplerSeedHook())


def register_evaluation(
    runner: BaseRunner, cfg: Config, distributed: bool, loader_cfg: dict[str, Any]
) -> None:
    """Register the evaluation on ``cfg.data.val`` in the course of a training.

    Args:
        runner: of the training.
        cfg: config of the run.
        distributed: several ranks take part.
        loader_cfg: what all loaders of the run have in common.

    Raises:
        ValueError: other classes than the model's, or settings that do not fit.
    """
    model = runner.model
    dataset = build_dataset(cfg.data.val, {'test_mode': True})
    settle_images(dataset, model)
    check_class_count(model, dataset, 'val')
    log_data('evaluating', dataset)
    settings = {**loader_cfg, **_NO_SHUFFLE, **cfg.data.get('val_dataloader', {})}
    eval_cfg = cfg.get('evaluation', {})
    check_evaluation(eval_cfg)
    eval_cfg['by_epoch'] = cfg.runner['type'] != 'IterBasedRunner'
    kind = DistEvalHook if distributed else EvalHook
    hook = kind(build_dataloader(dataset, **settings), **eval_cfg)
    # After IterTimerHook: https://github.com/open-mmlab/mmcv/issues/1261
    runner.register_hook(hook, priority='LOW')


def _optimizer_config(cfg: Config, distributed: bool) -> Any:
    if cfg.get('fp16') is not None:
        if 'loss_scale' not in cfg.fp16:
            raise ValueError(
                f"fp16={dict(cfg.fp16)} has no loss_scale; give 'dynamic' or a number."
            )
        fp16 = {'loss_scale': cfg.fp16['loss_scale'], 'distributed': distributed}
        return Fp16OptimizerHook(**cfg.optimizer_config, **fp16)
    if distributed and 'type' not in cfg.optimizer_config:
        return DistOptimizerHook(**cfg.optimizer_config)
    return cfg.optimizer_config


def _with_our_hooks(cfg: Config, datasets: Sequence[Any]) -> list[dict[str, Any]]:
    """Return a config's hooks and ours; a hook that the config lists replaces ours."""
    run_hooks = [
        {'type': 'RandomStateHook', 'priority': 'HIGHEST'},
        {'type': 'FiniteLossHook', 'priority': 'HIGH'},  # before the optimizer's step
    ]
    if cfg.runner['type'] == 'IterBasedRunner':
        run_hooks.append({'type': 'ClassCountHook'})
        if any(getattr(dataset, 'on_error', None) == 'skip' for dataset in datasets):
            run_hooks.append({'type': 'ReplacedImagesHook'})
    hooks = list(cfg.get('custom_hooks') or [])
    listed = {hook.get('type') for hook in hooks}
    return hooks + [hook for hook in run_hooks if hook['type'] not in listed]
