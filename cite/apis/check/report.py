"""The results of a check: problems with their place and remedy, and facts."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

# Problems of each kind in the text; the rest is counted, and listed in the JSON.
SHOWN = 20


class Problem(NamedTuple):
    """Something that will stop a run or spoil its result."""

    kind: str  # short name, the same for all of its kind
    where: str  # file and line, or key of the config
    message: str  # fault and remedy
    level: str = 'error'  # or 'warning', if it may be intended


@dataclass
class Report:
    """Problems and facts, in the order in which they were found."""

    config: str  # file that was checked
    facts: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    interrupted: bool = False

    def error(self, kind: str, where: str, message: str) -> None:
        """Add a problem that will stop a run or spoil its result."""
        self.problems.append(Problem(kind, str(where), message))

    def warn(self, kind: str, where: str, message: str) -> None:
        """Add a problem that may be intended."""
        self.problems.append(Problem(kind, str(where), message, 'warning'))

    @contextmanager
    def errors(self, kind: str, where: str) -> Iterator[None]:
        """Turn a ValueError or FileNotFoundError of a block into an error."""
        try:
            yield
        except (ValueError, FileNotFoundError) as error:
            self.error(kind, where, str(error))

    @property
    def ok(self) -> bool:
        """Tell whether the check was completed without an error."""
        errors = any(problem.level == 'error' for problem in self.problems)
        return not errors and not self.interrupted

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain data, for JSON."""
        return {
            'config': self.config,
            'ok': self.ok,
            'interrupted': self.interrupted,
            'facts': self.facts,
            'problems': [problem._asdict() for problem in self.problems],
        }

    def text(self) -> str:
        """Return a text: facts, the first problems of each kind, a summary."""
        lines = [f'{name}: {_plain(value)}' for name, value in self.facts.items()]
        counts = Counter((p.level, p.kind) for p in self.problems)
        for (level, kind), count in counts.items():
            lines += ['', f'{level}: {kind} ({count})']
            same = [p for p in self.problems if (p.level, p.kind) == (level, kind)]
            lines += [f'  {p.where}: {p.message}' for p in same[:SHOWN]]
            if count > SHOWN:
                lines.append(f'  … and {count - SHOWN} more; --json FILE lists all')
        lines.append('')
        lines += [f'{n:>8}  {level:<8} {kind}' for (level, kind), n in counts.items()]
        if self.interrupted:
            lines.append('interrupted: the problems above were found until then')
        return '\n'.join([*lines, 'no errors' if self.ok else 'not ready to run'])


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ', '.join(f'{key} {item}' for key, item in value.items())
    return str(value)
