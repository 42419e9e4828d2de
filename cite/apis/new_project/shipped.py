"""Shipped configs by name, and what their metafiles say of the weights."""

from pathlib import Path
from typing import Any

import yaml
from mmcv import Config

from cite.core.messages import meant


def choose(
    option: str, name: str, configs: dict[str, Path], short: dict[str, str], *more: str
) -> Path:
    """Return the config of a name or of a short name; ``more`` are other choices.

    Raises:
        ValueError: there is no such name; the message has all of them.
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
