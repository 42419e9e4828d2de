"""Which controls run beside which methods."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cite.compare.methods.class_vectors import KINDS, check_similarity
from cite.compare.methods.controls import OF_TEXTS
from cite.compare.methods.job import Method, read_method

#: How each control is called beside its method.
LABELS = {
    'rotated': 'rotated texts',
    'permuted': 'permuted texts',
    'random': 'random vectors',
    'matched': 'random vectors, matched temperature',
}
Controls = dict[str, dict[str, str]]  # method: kind: name of the control


def add_controls(
    methods: Mapping[str, Method], reference: str, wanted: Any, path: Path
) -> tuple[dict[str, Method], Controls]:
    """Put the controls of a comparison after the methods they belong to.

    Args:
        methods: the config's methods, by name.
        reference: name of the method that the others are tested against.
        wanted: ``True`` for those of the reference (of the first method that trains on
            texts, if the reference does not), ``False`` for none, or names of methods.
        path: path of the config, for messages.

    Returns:
        All methods, and the names of each method's controls.

    Raises:
        ValueError: another value, or a method that trains on no texts.
    """
    for method in methods.values():
        if method.type == 'similarity':
            check_matrix(method, path)
    names = _wanted(methods, reference, wanted, path)
    every: dict[str, Method] = {}
    controls: Controls = {}
    for name, method in methods.items():
        every[name] = method
        if name not in names:
            continue
        controls[name] = {}
        for kind in KINDS:
            control = f'{name}-{kind}'
            controls[name][kind] = control
            label = f'{method.label}, {LABELS[kind]}'
            every.setdefault(control, replace(method, name=control, label=label))
            every[control] = replace(every[control], texts=kind)
    return {**every, **methods}, controls


def check_matrix(method: Method, path: Path) -> None:
    """Check the matrix of a method of type ``'similarity'``.

    Raises:
        ValueError: it is missing, or no vectors have it.
    """
    if 'matrix' not in method.settings:
        raise ValueError(
            f'{path}: methods.{method.name}.matrix is missing: K lists of K numbers '
            'that say how alike the classes are, from -1 to 1.'
        )
    try:
        check_similarity(method.settings['matrix'])
    except ValueError as error:
        raise ValueError(f'{path}: methods.{method.name}.{error}') from error


def _wanted(
    methods: Mapping[str, Method], reference: str, wanted: Any, path: Path
) -> list[str]:
    if wanted is False:
        return []
    if wanted is True:
        first = [name for name in (reference, *methods) if name in methods]
        return [name for name in first if _reads_texts(methods[name])][:1]
    if not isinstance(wanted, (list, tuple)):
        raise ValueError(
            f'{path}: controls={wanted!r}; give True, False, or a list of methods.'
        )
    for name in wanted:
        if name not in methods:
            raise ValueError(
                f'{path}: controls names {name!r}, which is not one of the methods '
                f'{list(methods)}.'
            )
        if not _reads_texts(methods[name]):
            raise ValueError(
                f'{path}: controls names {name}, but this method does not train on '
                'class texts, so that nothing can take their place.'
            )
    return [*wanted]


def _reads_texts(method: Method) -> bool:
    """Tell whether a method trains on class texts that a language model encodes."""
    if not method.trained or method.type not in OF_TEXTS or method.texts:
        return False
    head = read_method(method.config).get('model', {}).get('head', {})
    encoder = head.get('text_encoder', {}).get('type')
    return 'texts' in head and encoder not in ('RandomVectors', 'FixedVectors')
