"""Compare a config.json with the keys and types that it must have."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Optional

from cite.core.messages import shorten

from .layout import REMEDY, Rule

# Far above any network's; a stranger's config could ask for one of terabytes.
_MOST = 65536
_LONGEST = 10_000  # characters of a text


def check_rules(content: Mapping[str, Any], rules: Rule, file: str) -> None:
    """Check that each key is there, none is unknown, and each has its type.

    Args:
        content: object of the file.
        rules: see ``RULES``.
        file: start of the error message.

    Raises:
        ValueError: it is not so; the message names file and key.
    """
    _check_keys(content, rules, file, '')
    for name, rule in rules.items():
        key = name.rstrip('?')
        _check_value(content[key], rule, name.endswith('?'), file, key)


def _check_keys(content: Any, rules: Mapping[str, Rule], file: str, at: str) -> None:
    keys = [name.rstrip('?') for name in rules]
    missing = [at + key for key in keys if key not in content]
    if missing:
        raise ValueError(f'{file} lacks {shorten(missing)}. {REMEDY}')
    unknown = [key for key in content if key not in keys]
    if unknown:
        near = get_close_matches(unknown[0], keys, n=1)
        meant = f' (is it {near[0]}?)' if near else ''
        names = shorten([f'{at}{key[:60]}' for key in unknown])
        raise ValueError(
            f'{file} has the unknown key {names}{meant}. It was written by another '
            f'version of cite, or changed by hand. {REMEDY}'
        )


def _check_value(value: Any, rule: Rule, optional: bool, file: str, at: str) -> None:
    if value is None and optional:
        return
    if isinstance(rule, Mapping):
        if not isinstance(value, dict):
            raise wrong(file, at, value, 'an object')
        _check_keys(value, rule, file, f'{at}.')
        for name, inner in rule.items():
            key = name.rstrip('?')
            _check_value(value[key], inner, name.endswith('?'), file, f'{at}.{key}')
        return
    types = rule if isinstance(rule, tuple) else (rule,)
    is_bool = isinstance(value, bool) and bool not in types
    if not isinstance(value, types) or is_bool:
        raise wrong(file, at, value, ' or '.join(kind.__name__ for kind in types))


def check_strings(values: Sequence[Any], file: str, at: str) -> None:
    """Check that a list holds different, printable, not too long strings."""
    seen = set()
    for i, value in enumerate(values):
        if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST:
            raise wrong(file, f'{at}[{i}]', value, 'a text')
        if not value.isprintable() or value in seen:
            raise wrong(file, f'{at}[{i}]', value, 'one line of text that is new')
        seen.add(value)


def check_numbers(values: Any, file: str, at: str) -> None:
    """Check the arguments of a model's part: plain data, and no giant numbers."""
    if isinstance(values, dict):
        for key, value in values.items():
            check_numbers(value, file, f'{at}.{key[:60]}')
    elif isinstance(values, list):
        for i, value in enumerate(values):
            check_numbers(value, file, f'{at}[{i}]')
    elif isinstance(values, (int, float)) and not abs(values) <= _MOST:
        raise wrong(file, at, values, f'a number up to {_MOST}')
    elif isinstance(values, str) and len(values) > _LONGEST:
        raise wrong(file, at, values, f'a text of at most {_LONGEST} characters')


def wrong(file: str, at: str, value: Any, needed: Optional[str]) -> ValueError:
    """Return the error for an entry that is not what it must be."""
    shown = repr(value)
    shown = shown if len(shown) <= 60 else f'{shown[:60]}…'
    return ValueError(f'{file}: {at} is {shown}; it must be {needed}. {REMEDY}')
