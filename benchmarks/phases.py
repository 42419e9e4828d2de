"""Where the time of a few-slide run goes: a short run, measured, then scaled.

python -m benchmarks.phases --iterations 8 --patches 512

`cite train` on ViT-B/16 with a prompt, one slide a class, batches of 128, then the
evaluation. A phase ends where the run's own log says so; steps and evaluation grow with
the iterations and the patches, the rest does not.
"""

import argparse
import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import time
from typing import Optional

from cite.apis.shell import command_line

from .compare import child_environment, stack
from .row import Workspace
from .whole_run import prepare, write_config

ITERATIONS, PATCHES = 1000, 143_328  # of PatchGastric's run with one slide a class


@dataclass(frozen=True)
class Phase:
    """A part of a run: seconds of the short run, and of the whole run by scale."""

    name: str
    seconds: float
    scale: float = 1.0

    @property
    def whole(self) -> float:
        """Seconds of a whole run."""
        return self.seconds * self.scale


def measure(workspace: Workspace, iterations: int, patches: int) -> list[Phase]:
    """Train and evaluate once, and divide the time.

    Args:
        workspace: folder for slides, models and the run.
        iterations: number of training steps, at least 2: the first one also sets the
            prompt.
        patches: number of patches to evaluate.

    Raises:
        subprocess.CalledProcessError: the run failed.
    """
    prepare(workspace)
    config = write_config(workspace)
    few = workspace.folder / 'few_val.txt'
    lines = (workspace.folder / 'val.txt').read_text().splitlines(keepends=True)
    few.write_text(''.join(lines[:patches]))
    work_dir = workspace.folder / 'phases'
    options = (
        f'runner.max_iters={iterations}',
        f'evaluation.interval={iterations}',
        f'checkpoint_config.interval={iterations}',
        f'data.val.ann_file={few}',
        'log_config.interval=1',
    )
    words = ['cite', 'train', str(config), '--work-dir', str(work_dir)]
    began = time()
    subprocess.run(
        command_line([*words, '--cfg-options', *options]),
        check=True,
        capture_output=True,
    )
    return _divide(work_dir, began, time(), iterations, min(patches, len(lines)))


def _divide(
    work_dir: Path, began: float, ended: float, iterations: int, patches: int
) -> list[Phase]:
    log = max(work_dir.glob('*.log.json'))
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    steps = [row for row in rows if row.get('mode') == 'train']
    first, later = steps[0], steps[1:]
    waits = sum(row['data_time'] for row in later)
    at = {key: _time_of(log.with_suffix(''), key) for key in _LINES}
    model = sum(row['time'] for row in later) - waits
    more_steps, more_patches = (ITERATIONS - 1) / (iterations - 1), PATCHES / patches
    return [
        Phase('start to the first iteration', at['first step'] - first['time'] - began),
        Phase('first iteration', first['time']),
        Phase('training: waiting for images', waits, more_steps),
        Phase('training: steps', model, more_steps),
        Phase('evaluation', at['evaluation'] - at['checkpoint'], more_patches),
        Phase('end', ended - at['evaluation']),
    ]


_LINES = {
    'first step': 'Iter [1/',
    'checkpoint': 'Saving checkpoint',
    'evaluation': 'Iter(val)',
}


def _time_of(log: Path, key: str) -> float:
    """Return when a line was logged, seconds since the epoch."""
    line = next(x for x in log.read_text().splitlines() if _LINES[key] in x)
    return datetime.strptime(line[:23], '%Y-%m-%d %H:%M:%S,%f').timestamp()


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog='python -m benchmarks.phases')
    add = parser.add_argument
    add('--iterations', type=int, default=8, help='training steps (default: 8)')
    add('--patches', type=int, default=512, help='patches to evaluate (default: 512)')
    add('--work-dir', type=Path, help='folder for models (default: a temporary one)')
    add('--small', action='store_true', help='tiny models, to try the code')
    args = parser.parse_args(argv)
    if args.iterations < 2:
        parser.error('--iterations: the first one is not scaled; give 2 or more')
    with tempfile.TemporaryDirectory(prefix='cite-phases-') as temporary:
        folder = (args.work_dir or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        with child_environment(folder):
            workspace = Workspace(folder, args.small)
            phases = measure(workspace, args.iterations, args.patches)
    total = sum(phase.whole for phase in phases)
    print(f'{stack()}; {args.iterations} steps and {args.patches} patches, scaled to')
    print(f'{ITERATIONS:,} and {PATCHES:,}; seconds\n')
    print('| phase | measured | whole run | share |\n|---|---|---|---|')
    for phase in phases:
        figures = (
            f'{phase.seconds:.1f} | {phase.whole:,.0f} | {phase.whole / total:.1%}'
        )
        print(f'| {phase.name} | {figures} |')


if __name__ == '__main__':
    main()
