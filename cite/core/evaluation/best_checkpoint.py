"""mmcv's evaluation hook removes the best checkpoint before it writes a better one.

A run that is killed in between, or a disk that is full, leaves none. Ours (for mmcv
1.7) removes it afterwards.
"""

import functools
import os.path as osp
import re
from typing import Any

from mmcv.runner import EvalHook

_save_ckpt = EvalHook._save_ckpt


def install() -> None:
    """Replace ``EvalHook._save_ckpt``."""
    EvalHook._save_ckpt = save_best


@functools.wraps(_save_ckpt)
def save_best(self: EvalHook, runner: Any, key_score: float) -> None:
    previous, self.best_ckpt_path = self.best_ckpt_path, None
    try:
        _save_ckpt(self, runner, key_score)
    finally:
        if self.best_ckpt_path is None:
            self.best_ckpt_path = previous
    if _is_predecessor(previous, self.best_ckpt_path, self.key_indicator) and (
        self.file_client.isfile(previous)
    ):
        self.file_client.remove(previous)
        runner.logger.info(f'The previous best checkpoint {previous} was removed')


def _is_predecessor(previous: Any, best: Any, indicator: str) -> bool:
    """Tell whether a path is one that mmcv wrote before ``best``.

    It may come from the checkpoint of a run that was resumed, that is, from anyone.
    """
    if not isinstance(previous, str) or not best or previous == best:
        return False
    name = osp.basename(previous)
    same_folder = osp.realpath(osp.dirname(previous)) == osp.realpath(osp.dirname(best))
    own = re.fullmatch(rf'best_{re.escape(indicator)}_(iter|epoch)_\d+\.pth', name)
    return same_folder and own is not None
