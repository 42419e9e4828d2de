from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any, Optional

from cite.core.messages import count


class Estimate:
    """How long jobs will take: the means of finished jobs of the same method.

    Args:
        rows: results; those of failed jobs are ignored.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]] = ()) -> None:
        self._seconds: dict[str, list[float]] = {}
        for row in rows:
            self.add(row)

    def add(self, row: Mapping[str, Any]) -> None:
        """Add a result."""
        if 'seconds' in row:
            self._seconds.setdefault(row['method'], []).append(row['seconds'])

    def of(self, method: str) -> Optional[float]:
        """Return the seconds of a job, or None if none of its method has finished."""
        seconds = self._seconds.get(method)
        return fmean(seconds) if seconds else None

    def all(self, methods: Sequence[str], slots: int) -> str:
        """Say how long jobs of these methods take, some at once.

        >>> Estimate([{'method': 'a', 'seconds': 60}]).all(['a', 'a', 'b'], 2)
        '1 min and 1 job of unknown time'
        """
        known = [seconds for seconds in map(self.of, methods) if seconds is not None]
        unknown = count(len(methods) - len(known), 'job')
        if methods and not known:
            return f'unknown time ({unknown})'
        text = duration(sum(known) / slots)
        if len(known) == len(methods):
            return text
        return f'{text} and {unknown} of unknown time'


def duration(seconds: Optional[float]) -> str:
    """Write a duration for people.

    >>> duration(7.26), duration(60), duration(5400), duration(None)
    ('7.3 s', '1 min', '1.5 h', 'unknown')
    """
    if seconds is None:
        return 'unknown'
    if seconds < 60:
        return f'{seconds:.1f} s'
    return f'{seconds / 60:.0f} min' if seconds < 5400 else f'{seconds / 3600:.1f} h'
