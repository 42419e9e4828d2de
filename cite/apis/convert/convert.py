"""Turn a published checkpoint into one that our backbones load."""

import dataclasses
from pathlib import Path
from typing import Callable, Optional, Union

from cite.models.backbones.weights_options import options_of_origin

from .checkpoint import Checkpoint, find_weights, folder_note
from .conversion import Conversion, usage
from .layout import Layout
from .sources import GUESSED, LAYOUTS
from .target import Target
from .targets import TARGETS
from .writer import check_paths, write_weights

PathLike = Union[str, Path]


def convert_checkpoint(
    source: PathLike,
    out: PathLike,
    layout: Optional[str] = None,
    target: Optional[str] = None,
    prefix: str = 'backbone.',
    force: bool = False,
    log: Callable[[str], None] = print,
) -> Conversion:
    """Convert a checkpoint file; nothing is written unless the whole model is in it.

    Args:
        source: weights file, or a folder of the hub's layout.
        out: file to write, ``.safetensors`` or ``.pth``; never the source.
        layout: key of ``LAYOUTS``; guessed by default.
        target: key of ``TARGETS``; by default the one that fits the layout.
        prefix: prefix of the names for mmcls. The release's files have ``backbone.``,
            which ``init_cfg=dict(type='Pretrained', checkpoint=OUT,
            prefix='backbone')`` of a backbone removes.
        force: whether to replace an existing ``out``.
        log: function that prints the listing of names, and how to use the file.

    Returns:
        The conversion that was written, with a backbone config that fits it.

    Raises:
        FileNotFoundError: the source does not exist.
        ValueError: the layout of the source is unknown, the source does not fit the
            target, or ``out`` may not be written.
    """
    out = Path(out)
    check_paths(find_weights(source), out, force)
    conversion = _examine(source, layout, target, prefix)
    log(conversion.listing())
    conversion.check()
    origin, stats = conversion.layout, conversion.stats
    write_weights(conversion.state, out, force, origin, stats, conversion.options)
    log(usage(conversion, out, prefix))
    return conversion


def _examine(
    source: PathLike, layout: Optional[str], target: Optional[str], prefix: str
) -> Conversion:
    """Read and translate a checkpoint and compare it with the target model."""
    checkpoint = Checkpoint.read(source)
    source_layout = _find_layout(checkpoint, layout)
    model = _find_target(source_layout, target)
    try:
        translation = source_layout.translate(checkpoint)
        registers = 'reg_token' in translation.state
        by_origin = options_of_origin(source_layout.name, registers)
        options = {**by_origin, **translation.options}
        translation = dataclasses.replace(translation, options=options)
        state = model.rename(translation.state)
        expected = model.shapes(state)
        config, notes = model.config(state, translation)
    except ValueError as error:
        raise ValueError(
            f'{checkpoint.path}, read as {source_layout.name}, was not converted: '
            f'{error}'
        ) from error
    beside = folder_note(source) if Path(source).is_dir() else []
    stats = checkpoint.stats
    if stats is None and source_layout.stats is not None:
        size = source_layout.size or config.get('img_size', 224)
        stats = dataclasses.replace(source_layout.stats, size=size)
    if source_layout.family == 'vit' and translation.norm_eps != 1e-6:
        options = {**options, 'norm_eps': translation.norm_eps}
    prefix = f'{prefix.rstrip(".")}.' if prefix and model.file_key == 'init_cfg' else ''
    return Conversion(
        source=checkpoint.path,
        layout=source_layout.name,
        target=model.name,
        state={prefix + name: tensor for name, tensor in state.items()},
        expected={prefix + name: shape for name, shape in expected.items()},
        dropped=translation.dropped,
        config=config,
        notes=[*beside, *translation.notes, *notes],
        stats=stats,
        file_key=model.file_key,
        options=options,
    )


def _find_layout(checkpoint: Checkpoint, name: Optional[str]) -> Layout:
    """Return the layout of this name, or guess it."""
    if name is not None and name not in LAYOUTS:
        raise ValueError(
            f'{name} is not a known layout: name one of {", ".join(LAYOUTS)}.'
        )
    candidates = LAYOUTS[name] if name else GUESSED
    for layout in candidates:
        # An explicitly named layout is not guessed; the shape check decides.
        if layout.recognises(checkpoint) or (name and len(candidates) == 1):
            return layout
    signs = ' or '.join(layout.looks_like for layout in candidates)
    expected = f'{name}, which has {signs}' if name else f'any of {", ".join(LAYOUTS)}'
    raise ValueError(
        f'{checkpoint.path} is not laid out like {expected}; it has '
        f'{", ".join(checkpoint.first_names())}.'
    )


def _find_target(layout: Layout, name: Optional[str]) -> Target:
    """Return the target of this name, or the usual one for the layout."""
    fitting = {
        key: target
        for key, targets in TARGETS.items()
        for target in targets
        if target.family == layout.family
    }
    name = name or layout.target or next(iter(fitting))
    if name not in fitting:
        raise ValueError(
            f'{layout.name} cannot be written for {name}, only for '
            f'{", ".join(fitting)}.'
        )
    return fitting[name]
