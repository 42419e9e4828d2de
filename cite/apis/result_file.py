"""The file of ``mim test … --out FILE``: its format, and what its scores are of."""

import os
import os.path as osp
from contextlib import suppress
from tempfile import TemporaryFile
from typing import Any

import numpy as np
from mmcv.fileio import BaseFileHandler, register_handler
from mmcv.fileio.io import file_handlers

# What mmcls' test command writes for each patch.
_COLUMNS = ('class_scores', 'pred_score', 'pred_label', 'pred_class')


def check_result_file(path: str) -> None:
    """Refuse a file that mmcls' test command could not write after its whole pass.

    Raises:
        ValueError: mmcv does not know the format, it is a folder, or it cannot be
            written.
    """
    # As mmcv does: what follows the last dot.
    if path.split('.')[-1] not in file_handlers:
        known = ', '.join(f'.{kind}' for kind in file_handlers)
        raise ValueError(
            f'--out {path}: results cannot be written in this format; the name must '
            f'end with one of {known}.'
        )
    if osp.isdir(path):
        raise ValueError(f'--out {path} is a folder; name a file.')
    check_writable('--out', path)


def check_writable(option: str, path: str, is_folder: bool = False) -> None:
    """Refuse a file, or a folder of files, that cannot be written where it is named.

    Folders above it are made, as mmcv would make them.

    Args:
        option: the option of the command line that names it.
        path: the file or folder.
        is_folder: which of these it is.

    Raises:
        ValueError: the message says why not.
    """
    if '://' in path:
        raise ValueError(
            f'{option} {path}: name a path of this machine, not an address.'
        )
    if path.startswith('~'):
        # mmcv makes the folder in one place, and writes to another.
        home = osp.expanduser(path)
        raise ValueError(f'{option} {path}: ~ is not understood here; write {home}.')
    try:
        os.makedirs(path if is_folder else osp.dirname(path) or '.', exist_ok=True)
        if is_folder:
            TemporaryFile(dir=path).close()
            return
        is_new = not osp.exists(path)
        with open(path, 'ab'):
            pass
        if is_new:
            with suppress(FileNotFoundError):  # another rank was first
                os.remove(path)
    except OSError as error:
        raise ValueError(
            f'{option} {path} cannot be written: {error.strerror}. Name another.'
        ) from error


def name_results(path: str, dataset: Any) -> None:
    """Make this process write file, slide and label beside the scores.

    mmcls' test command collects the results itself and gives them to mmcv, whose
    registry of file formats is the one place on their way where they can be named.

    Args:
        path: file that the results will be written to.
        dataset: what is tested, a :class:`cite.datasets.slide_dataset.SlideDataset`.
    """
    kind = path.split('.')[-1]
    handler = file_handlers[kind]
    if isinstance(handler, ResultFileHandler):
        handler = handler.handler
    register = register_handler([kind], handler=handler, dataset=dataset)
    register(ResultFileHandler)


class ResultFileHandler(BaseFileHandler):
    """A format of mmcv's that names the patches of results.

    Args:
        handler: mmcv's handler of the format.
        dataset: what is tested.
    """

    def __init__(self, handler: Any, dataset: Any) -> None:
        self.handler, self.dataset = handler, dataset
        self.str_like = handler.str_like

    def load_from_fileobj(self, file: Any, **kwargs: Any) -> Any:
        """Read an object, as mmcv does."""
        return self.handler.load_from_fileobj(file, **kwargs)

    def dump_to_fileobj(self, obj: Any, file: Any, **kwargs: Any) -> None:
        """Write an object, with names if it is the results of the data set."""
        self.handler.dump_to_fileobj(self._named(obj), file, **kwargs)

    def dump_to_str(self, obj: Any, **kwargs: Any) -> Any:
        """Write an object into a string, with names if it is the results."""
        return self.handler.dump_to_str(self._named(obj), **kwargs)

    def _named(self, obj: Any) -> Any:
        columns = [k for k in _COLUMNS if k in obj] if isinstance(obj, dict) else []
        if not columns or any(len(obj[k]) != len(self.dataset) for k in columns):
            return obj
        names = {
            'file': self.dataset.filenames(),
            'slide': self.dataset.get_bags().tolist(),
            'label': self.dataset.get_gt_labels().tolist(),
        }
        results = {**obj, **names}
        if 'pred_class' in obj:  # ImageNet's, where the checkpoint does not name any
            results['pred_class'] = self._classes(obj)
        _leave_unread(results)
        # Plain values, because YAML would spell out how NumPy makes an array.
        return {key: _plain(value) for key, value in results.items()}

    def _classes(self, results: dict[str, Any]) -> list[str]:
        classes = self.dataset.CLASSES
        if {*results['pred_class']} <= {*classes} or 'pred_label' not in results:
            return list(results['pred_class'])
        return [classes[label] for label in results['pred_label']]


def _leave_unread(results: dict[str, Any]) -> None:
    """Take the class from patches without a score: ``on_error='skip'`` gives NaN."""
    scores = results.get('pred_score')
    if scores is None:
        scores = [np.sum(row) for row in results.get('class_scores', ())]
    unread = np.flatnonzero(np.isnan(np.asarray(scores, float)))
    for key, value in (('pred_label', -1), ('pred_class', None)):
        if key in results:
            results[key] = np.asarray(results[key]).tolist()
            for row in unread:
                results[key][row] = value


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
