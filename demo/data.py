"""Data of the demo: slides, a small CLIP, a small BERT."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Optional

from .models import tiny_bert, tiny_clip
from .slides import is_whole, make_patch_gastric


class Size(NamedTuple):
    """How much the demo draws and trains.

    Args:
        slides: slides per class; half are for evaluation. With a multiple of six the
            control has equally many slides of each label.
        patches: patches per slide.
        iterations: iterations of training; None for the config's.
    """

    slides: int = 36
    patches: int = 10
    iterations: Optional[int] = None


def prepare(root: Path, seed: int, size: Size, texts: Sequence[str]) -> None:
    """Make slides and models, unless complete ones of this seed exist.

    Args:
        root: the demo's data folder.
        seed: seed of slides and weights.
        size: size of the data set.
        texts: descriptions of the classes, for the BERT's vocabulary.

    Raises:
        ValueError: ``root`` holds data that the demo did not make.
    """
    if is_whole(root, seed, size.slides, size.patches):
        print(f'{root}: slides of seed {seed} exist already')
    else:
        make_patch_gastric(root, seed, size.slides, size.patches, progress=True)
    if _make_models(root / 'models', seed, texts):
        print(
            f'{root / "models"}: a CLIP and a BERT with random weights of seed {seed}'
        )


def _make_models(folder: Path, seed: int, texts: Sequence[str]) -> bool:
    stamp = folder / 'synthetic.json'
    wanted = json.dumps({'seed': seed, 'texts': list(texts)}) + '\n'
    if stamp.is_file() and stamp.read_text(encoding='utf-8') == wanted:
        return False
    stamp.unlink(missing_ok=True)
    tiny_clip(folder / 'tiny_clip.pt', seed, spread=True)
    tiny_bert(folder / 'tiny_bert', seed, hidden=192, texts=texts)
    stamp.write_text(wanted, encoding='utf-8')  # last: marks the folder complete
    return True
