"""Wording that error messages of all rooms share."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


def shorten(items: Sequence[str], limit: int = 5) -> str:
    """Name the first items of a long list.

    >>> shorten(['a', 'b', 'c'], limit=2)
    'a, b and 1 more'
    """
    more = len(items) - limit
    return ', '.join(items[:limit]) + (f' and {more} more' if more > 0 else '')


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, or its class's name if it has none.

    >>> first_line(ValueError('no such model\\nTraceback of the hub'))
    'no such model'
    """
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def count(number: int, thing: str) -> str:
    """Write a number and the thing it counts, in the plural where there are several.

    >>> count(1, 'slide'), count(2, 'class'), count(0, 'patch'), count(1200, 'run')
    ('1 slide', '2 classes', '0 patches', '1,200 runs')
    """
    ending = '' if number == 1 else 'es' if thing.endswith(('s', 'ch')) else 's'
    return f'{number:,} {thing}{ending}'


def meant(name: str, choices: Iterable[str]) -> str:
    """End a sentence about an unknown name, with the name that was perhaps meant.

    >>> meant('promt', ['prompt', 'neck'])
    ". Did you mean 'prompt'?"
    >>> meant('promt', ['neck'])
    '.'
    """
    near = get_close_matches(name, list(choices), n=1, cutoff=0.7)
    return f'. Did you mean {near[0]!r}?' if near else '.'


def check_choice(name: str, value: str, choices: Sequence[str]) -> str:
    """Return ``value`` if it is one of ``choices``, or raise a ``ValueError``."""
    if value not in choices:
        raise ValueError(f'{name} is {value!r}; choose one of {list(choices)}.')
    return value
