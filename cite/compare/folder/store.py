import errno
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from cite.core.files.json_file import parse_json
from cite.core.files.lock import only_one
from cite.core.files.write_whole import PARTIAL, naming, write_text_whole

from .checks import AGAIN, is_row

RESULTS = 'results.jsonl'
# Results of jobs that the config does not name at present.
UNUSED = 'unused.jsonl'
_WAIT = 'Wait for it, or give another --out.'


class Store:
    """The out folder of a comparison, in whole lines and whole files after any kill.

    One process at a time may have it. Files that an earlier process
    was killed while writing are removed.

    Args:
        out: the folder.

    Raises:
        ValueError: another process has it.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        out.mkdir(parents=True, exist_ok=True)
        self._lock = ExitStack()
        self._lock.enter_context(only_one(out, 'running a comparison', _WAIT))
        for folder in (out, *(out / name for name in _FOLDERS)):
            for partial in folder.glob(f'*{PARTIAL}'):
                partial.unlink()

    def close(self) -> None:
        """Let another process have the folder."""
        self._lock.close()

    def sort_results(self, digests: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        """Keep the current results, and put those of jobs not planned now aside.

        Args:
            digests: digest of each planned job, by its name.

        Returns:
            The current results, by job.
        """
        rows = read_rows(self.out / UNUSED) + read_rows(self.out / RESULTS)
        current = {r['job']: r for r in rows if is_current(self.out, r, digests)}
        unused = {
            r['job']: r for r in rows if r['job'] not in digests and 'figures' in r
        }
        # In this order a kill between the two loses no result.
        write_text_whole(self.out / UNUSED, ''.join(map(_line, unused.values())))
        self.write_rows(current.values())
        return current

    def write_rows(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Replace the results."""
        write_text_whole(self.out / RESULTS, ''.join(map(_line, rows)))

    def append(self, row: Mapping[str, Any]) -> None:
        """Add a line to the results; the next start drops one that a kill cut short."""
        with (self.out / RESULTS).open('ab', buffering=0) as file:
            line = _line(row).encode()
            start = os.fstat(file.fileno()).st_size
            with naming(self.out / RESULTS):
                if file.write(line) < len(line):  # as a disk does that is almost full
                    file.truncate(start)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file.fileno())

    def write_text(self, name: str, text: str) -> None:
        """Write a file, whole or not at all."""
        write_text_whole(self.out / name, text)


# Where files are written whole.
_FOLDERS = ('predictions', 'patches', 'configs', 'features')


def is_current(out: Path, row: Mapping[str, Any], digests: Mapping[str, str]) -> bool:
    """Tell whether a result has its planned job's digest, and its predictions exist."""
    digest = digests.get(row['job'])
    done = 'figures' in row and digest is not None and row.get('digest') == digest
    return done and (out / 'predictions' / f'{row["job"]}.csv').is_file()


def read_rows(path: Path, strict: bool = False) -> list[dict[str, Any]]:
    """Read the lines of ``results.jsonl`` or ``unused.jsonl``.

    A last line that a killed process cut short is left out. Other damaged lines are
    left out as well before a start, which runs their jobs again; tables without their
    jobs would be silently incomplete, so reading for them is strict.

    Args:
        path: the file.
        strict: refuse a missing file and damaged lines.

    Raises:
        FileNotFoundError: the file is missing, and ``strict``.
        ValueError: a line before the last is not one of a job, and ``strict``.
    """
    if not path.is_file():
        if strict:
            raise FileNotFoundError(f'{path}: no such file. {AGAIN}')
        return []
    *lines, last = path.read_bytes().split(b'\n')
    rows = []
    for number, line in enumerate([*lines, last], 1):
        try:
            row = parse_json(line, path)
        except ValueError:
            row = None
        if is_row(row):
            rows.append(row)
        elif strict and number <= len(lines):
            raise ValueError(
                f'{path}:{number}: this is not a line of a job. Delete it. {AGAIN}'
            )
    return rows


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(row) + '\n'
