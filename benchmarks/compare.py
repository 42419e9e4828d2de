"""Run rows: each side in its own process, taking turns; the median counts."""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, Optional

import torch

from cite.apis.config_file import set_variables

from .models import instruction_set
from .row import Row, Workspace

SIDES = ('released', 'ours')
ROOT = Path(__file__).resolve().parents[1]


def child_environment(folder: Path) -> AbstractContextManager[None]:
    """Give child processes this checkout, a text cache in a folder and no network."""
    return set_variables(
        {
            'PYTHONPATH': _python_path(ROOT),
            'CITE_CACHE': str(folder / 'text-cache'),
            'HF_HUB_OFFLINE': '1',
        }
    )


def _python_path(root: Path) -> str:
    return os.pathsep.join(filter(None, [str(root), os.environ.get('PYTHONPATH', '')]))


class Side:
    """A process that measures one side of a row when asked.

    Args:
        row: the row.
        side: ``'released'`` or ``'ours'``.
        workspace: where its files are.
        threads: threads of torch.
        root: the checkout whose code is measured.
    """

    def __init__(
        self,
        row: Row,
        side: str,
        workspace: Workspace,
        threads: int,
        root: Path = ROOT,
    ) -> None:
        self._log = tempfile.TemporaryFile('w+')  # noqa: SIM115 (closed by close)
        arguments = [row.key, side, str(workspace.folder), str(workspace.small)]
        self._process = subprocess.Popen(
            [
                *(sys.executable, '-W', 'ignore', '-m', 'benchmarks.side'),
                *(*arguments, str(threads)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=root,
            env={**os.environ, 'PYTHONPATH': _python_path(root)},
        )
        self._answer()

    def measure(self) -> float:
        """Measure once."""
        assert self._process.stdin is not None
        print(file=self._process.stdin, flush=True)
        return float(self._answer())

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._log.close()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            raise ValueError(f'one side ended early: {self._log.read()[-3000:]}')
        return json.loads(line)


def compare(
    row: Row, workspace: Workspace, repeats: int = 5, threads: Optional[int] = None
) -> dict[str, Any]:
    """Measure a row; returns its line of the table, in the format of ``--json``."""
    line: dict[str, Any] = {'key': row.key, 'row': row.title, 'unit': row.unit}
    line.update(target=row.target, bound=row.bound, note=row.estimate)
    threads = threads or torch.get_num_threads()
    line['stack'] = stack()
    if row.bf16:
        line['instruction_set'] = instruction_set()
    missing = row.missing()
    if missing:
        line.update(released=None, ours=None, ratio=None, met=None, note=missing)
        return line
    row.prepare(workspace)
    values = _alternate(row, workspace, 1 if row.exact else repeats, threads)
    released, ours = (statistics.median(values[side]) for side in SIDES)
    ratio = row.ratio(released, ours)
    line.update(released=released, ours=ours, ratio=ratio)
    line['target'] = row.target_here(threads, released)
    line['met'] = ratio >= line['target']
    line['repeats'] = len(values['ours'])
    line['all'] = values
    if row.remark is not None:
        line['note'] = row.remark(workspace)
    return line


def _alternate(
    row: Row, workspace: Workspace, repeats: int, threads: int
) -> dict[str, list[float]]:
    values: dict[str, list[float]] = {side: [] for side in SIDES}
    with ExitStack() as stack:
        processes = {}
        for side in SIDES:
            processes[side] = Side(row, side, workspace, threads)
            stack.callback(processes[side].close)
        for _ in range(repeats):
            for side in SIDES:
                values[side].append(processes[side].measure())
    return values


def stack() -> str:
    """Name the running stack."""
    return f'Python {platform.python_version()}, torch {torch.__version__}'


def table(lines: Sequence[dict[str, Any]]) -> str:
    """Format lines as a Markdown table with notes below it."""
    notes = []
    rows = ['| row | released | ours | unit | ratio | target | met |', '|---' * 7 + '|']
    for line in lines:
        cells = [line['row'], *(_number(line[side]) for side in SIDES), line['unit']]
        ratio = 'not run' if line['ratio'] is None else f'{line["ratio"]:.3g}x'
        met = {True: 'yes', False: 'no', None: line['note']}[line['met']]
        if line['note'] and line['met'] is not None:
            notes.append(f'{line["row"]}: {line["note"]}')
            met += f' ({len(notes)})'
        rows.append(
            f'| {" | ".join(cells)} | {ratio} | >= {line["target"]:.3g}x | {met} |'
        )
    numbered = (f'({i}) {note}' for i, note in enumerate(notes, 1))
    return '\n'.join([*rows, *(['', *numbered] if notes else [])])


def _number(value: Optional[float]) -> str:
    return '–' if value is None else f'{value:.3g}' if value < 1000 else f'{value:,.0f}'
