"""What a config asks to be found out on training slides."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cite.compare.methods.job import Method
from cite.compare.methods.rates import OF_CONFIG

from .controls import Controls


def read_rates(rates: Any, path: Path) -> tuple[float, ...]:
    """Check the factors of the methods' rates.

    Raises:
        ValueError: they are not different numbers above 0, with 1 among them.
    """
    numbers = isinstance(rates, (list, tuple)) and all(
        type(rate) in (int, float) and 0 < rate < float('inf') for rate in rates
    )
    if not numbers or len({*rates}) < len(rates) or (rates and 1 not in rates):
        raise ValueError(
            f'{path}: rates={rates!r}; give factors of the rates, such as [0.3, 1, 3]: '
            'different numbers above 0, with 1, the rate of the config, among them.'
        )
    return tuple(float(rate) for rate in rates)


def held_out_methods(
    methods: Mapping[str, Method],
    controls: Controls,
    wanted: Any,
    path: Path,
    from_files: bool = False,
) -> list[str]:
    """Return the methods whose training slides are held out in turn.

    Args:
        methods: all methods, by name.
        controls: the names of the controls.
        wanted: ``True`` for the methods on cached features, controls excepted, because
            the others train through a backbone ten times as often; ``False`` for none;
            or names of methods.
        path: path of the config, for messages.
        from_files: all methods take files of features.

    Raises:
        ValueError: another value, or a method whose predictions come from elsewhere.
    """
    if wanted is False:
        return []
    if wanted is True:
        names = {name for kinds in controls.values() for name in kinds.values()}
        return [
            name
            for name, method in methods.items()
            if name not in names and _cheap(method, from_files)
        ]
    if not isinstance(wanted, (list, tuple)):
        raise ValueError(
            f'{path}: held_out={wanted!r}; give True, False, or a list of methods.'
        )
    for name in wanted:
        if name not in methods:
            raise ValueError(
                f'{path}: held_out names {name!r}, which is not one of the methods '
                f'{list(methods)}.'
            )
        if methods[name].type == 'external':
            raise ValueError(
                f'{path}: held_out names {name}, whose predictions come from another '
                'program: it cannot be trained again. Delete it from the list.'
            )
    return [*wanted]


def _cheap(method: Method, from_files: bool) -> bool:
    if not method.trained or method.type == 'external':
        return False
    return method.type not in OF_CONFIG or bool(method.features) or from_files
