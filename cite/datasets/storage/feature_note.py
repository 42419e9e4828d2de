"""What features were extracted from, written beside them as JSON and checked on use."""

import hashlib
import json
from pathlib import Path
from typing import Any, Optional, Union


def note_path(prefix: str) -> Path:
    """Return the note of the feature files ``{prefix}_{i}.npy``."""
    return Path(f'{Path(prefix).expanduser()}.json')


def read_note(prefix: str) -> Optional[dict[str, Any]]:
    """Read a note; None where there is none, as with features from elsewhere.

    Raises:
        ValueError: the note is damaged.
    """
    path = note_path(prefix)
    if not path.is_file():
        return None
    try:
        note = json.loads(path.read_text(encoding='utf-8'))
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f'{path} is no JSON object: {error}. Extract the features again.'
        ) from error
    whole = isinstance(note, dict) and all(
        isinstance(note.get(key, {}), dict) for key in ('annotation', 'backbone')
    )
    if not whole:
        raise ValueError(
            f'{path} is damaged: it does not describe what the features were extracted '
            'from. Extract the features again.'
        )
    return note


def lines_digest(filenames: list[str], labels: list[int]) -> str:
    """Digest an annotation file's lines, whatever its name and line ends."""
    lines = (f'{name} {int(label)}\n' for name, label in zip(filenames, labels))
    return hashlib.sha256(''.join(lines).encode()).hexdigest()


def check_note(
    prefix: str, annotation: str, ann_file: Union[str, Path], digest: Optional[str]
) -> None:
    """Compare a note with the data set and with the backbone a config expects.

    Args:
        prefix: of the feature files.
        annotation: :func:`lines_digest` of the data set.
        ann_file: its annotation file, for the message.
        digest: of the frozen backbone; None does not compare it.

    Raises:
        ValueError: the features are of other lines or of another backbone.
    """
    note = read_note(prefix)
    if note is None:
        if digest is None:
            return
        raise ValueError(
            f'{note_path(prefix)} is missing, so nothing says which backbone made '
            'the features. Extract them again with tools/extract_features.py.'
        )
    if note.get('annotation', {}).get('digest') != annotation:
        raise ValueError(
            f'{prefix}_*.npy were extracted from {note.get("annotation")}, whose '
            f'lines are not those of {ann_file}. Extract the features again.'
        )
    found = note.get('backbone', {}).get('digest')
    if digest is not None and found != digest:
        raise ValueError(
            f'{prefix}_*.npy were extracted with the backbone {found} '
            f'({note.get("backbone", {}).get("source")}), the config expects {digest}. '
            'Extract the features again.'
        )
