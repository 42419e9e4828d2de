"""The source of extracted features, written beside them as JSON, checked on use."""

from pathlib import Path
from typing import Any, Optional, Union

from cite.core.files.json_file import read_json


def note_path(prefix: str) -> Path:
    """Return the note of the feature files ``{prefix}_{i}.npy``."""
    return Path(f'{Path(prefix).expanduser()}.json')


def read_note(prefix: str) -> Optional[dict[str, Any]]:
    """Read a note; None if it is missing, as with features from elsewhere.

    Raises:
        ValueError: the note is damaged.
    """
    path = note_path(prefix)
    if not path.is_file():
        return None
    try:
        note = read_json(path)
    except ValueError as error:
        raise ValueError(f'{error} Extract the features again.') from error
    is_complete = isinstance(note, dict) and all(
        isinstance(note.get(key, {}), dict)
        for key in ('annotation', 'backbone', 'checksums')
    )
    if not is_complete:
        raise ValueError(
            f'{path} is damaged: it does not describe what the features were extracted '
            'from. Extract the features again.'
        )
    return note


def check_note(
    prefix: str, annotation: str, ann_file: Union[str, Path], digest: Optional[str]
) -> None:
    """Compare a note with the data set and with the backbone a config expects.

    Args:
        prefix: path of the feature files without ``_{i}.npy``.
        annotation: ``annotation_digest()`` of the data set.
        ann_file: annotation file of the data set, for the message.
        digest: digest of the frozen backbone; None accepts any.

    Raises:
        ValueError: the features come from other lines or from another backbone.
    """
    note = read_note(prefix)
    if note is None:
        if digest is None:
            return
        raise ValueError(
            f'{note_path(prefix)} is missing, so the backbone of the features is '
            'unknown. Extract them again with `cite extract`.'
        )
    if note.get('annotation', {}).get('digest') != annotation:
        raise ValueError(
            f'{prefix}_*.npy were extracted from {note.get("annotation")}, whose '
            f'lines differ from those of {ann_file}. Extract the features again.'
        )
    backbone = note.get('backbone', {})
    if digest is not None and backbone.get('digest') != digest:
        raise ValueError(
            f'{prefix}_*.npy were extracted with the backbone {backbone.get("digest")} '
            f'({backbone.get("source")}), the config expects {digest}. '
            'Extract the features again.'
        )
