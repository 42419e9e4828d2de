"""Pictures of predictions: ``--show`` and ``--show-dir`` of mmcls' test command.

mmcls paints on the normalised image of the batch, for which it needs its own loading
step. Ours paints on the patch's file.
"""

import os.path as osp
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any, Optional

import numpy as np
from mmcv.parallel import is_module_wrapper

from cite.core.files.patch_file import UnreadablePatchError
from cite.datasets.pipelines.patch import read_patch, to_array

# matplotlib's backends that draw into files alone.
_WITHOUT_WINDOWS = ('agg', 'cairo', 'pdf', 'pgf', 'ps', 'svg', 'template')


def check_pictures(dataset: Any, show: bool = False) -> None:
    """Look for the files of all patches, and a screen, before anything is computed.

    Args:
        dataset: the patches.
        show: whether windows are opened.

    Raises:
        FileNotFoundError: one is missing, as where a packed file or features are used.
        ValueError: no window can be opened: mmcls would wait for it without end.
    """
    if show:
        _check_screen()
    for info in dataset.data_infos:
        path = info['img_info']['filename']
        if not osp.isfile(path):
            raise FileNotFoundError(
                f'{path}: no such patch, and --show and --show-dir paint on the '
                "patches' files. Set data.test.data_prefix to their folder, or leave "
                'the option out.'
            )


def _check_screen() -> None:
    import matplotlib.pyplot as plt

    backend = plt.get_backend()
    if backend.lower() in _WITHOUT_WINDOWS:
        raise ValueError(
            f'--show: matplotlib has no screen here (its backend is {backend}). Use '
            '--show-dir FOLDER.'
        )


def paint(
    model: Any,
    dataset: Any,
    scores: Sequence[np.ndarray],
    show: bool = False,
    out_dir: Optional[str] = None,
    **show_options: Any,
) -> None:
    """Write each patch's predicted class and score on it.

    Args:
        model: classifier, or mmcv's wrapper of one.
        dataset: its patches.
        scores: their scores, N of (K,).
        show: open a window for each.
        out_dir: folder to save the pictures in, under the names of the patches.
        **show_options: arguments of the classifier's ``show_result``.
    """
    classifier = model.module if is_module_wrapper(model) else model
    for info, name, row in zip(dataset.data_infos, dataset.filenames(), scores):
        try:
            picture = to_array(read_patch(info))
        except UnreadablePatchError:  # on_error='skip' leaves it out
            continue
        label = int(np.argmax(row))
        result = {
            'pred_score': float(np.max(row)),
            'pred_label': label,
            'pred_class': dataset.CLASSES[label],
        }
        file = osp.join(out_dir, _inside(name)) if out_dir else None
        classifier.show_result(
            picture, result, show=show, out_file=file, **show_options
        )


def _inside(name: str) -> str:
    """Return a file's name below a folder, so that no patch is written over."""
    path = PurePath(name)
    return str(PurePath(*(p for p in path.parts if p not in ('..', path.anchor))))
