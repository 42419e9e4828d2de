"""Killed at random moments and started again, it ends in the same tables."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from tiny_compare import write_comparison
from tiny_training import PYTHONPATH, ROOT

KILLS = 20


def start(config, out):
    return subprocess.Popen(
        [
            sys.executable,
            ROOT / 'tools/compare.py',
            config,
            '--out',
            out,
            '--jobs',
            '2',
        ],
        env={**os.environ, 'PYTHONPATH': PYTHONPATH, 'OMP_NUM_THREADS': '1'},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def processes_of(group):
    """Return the ids of a session's processes."""
    found = []
    for entry in Path('/proc').iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if os.getsid(int(entry.name)) == group:
                    found.append(int(entry.name))
    return found


def left_behind(out):
    """Return what must be the same after any history, figures in full."""
    rows = [json.loads(line) for line in (out / 'results.jsonl').open()]
    for row in rows:
        del row['seconds']
    kept = {'results': rows}
    for path in sorted(out.rglob('*')):
        name = str(path.relative_to(out))
        tables = name in ('table.md', 'table.csv', 'table.tex', 'comparison.json')
        if path.is_file() and (
            tables or path.parent.name in ('predictions', 'patches')
        ):
            kept[name] = path.read_bytes()
    return kept


@pytest.mark.long
def test_twenty_kills_of_the_tool_or_its_jobs(compare_data, tmp_path):
    config = write_comparison(
        compare_data, tmp_path, shots=[1, 2, 'all'], draws=3, seeds=[0, 1],
        options={'runner.max_iters': 20},
    )  # fmt: skip
    unbroken, broken = tmp_path / 'unbroken', tmp_path / 'broken'
    began = time.monotonic()
    assert start(config, unbroken).wait() == 0
    whole = time.monotonic() - began
    expected = left_behind(unbroken)
    assert len(expected['results']) == 43

    rng = random.Random(0)
    kills = {'tool': 0, 'job': 0}
    finished = 0
    while sum(kills.values()) < KILLS:
        tool = start(config, broken)
        # From the start of Python to the middle of the jobs.
        time.sleep(rng.uniform(1, whole / 2))
        victims = [pid for pid in processes_of(tool.pid) if pid != tool.pid]
        if rng.random() < 0.5 and victims and tool.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(rng.choice(victims), signal.SIGKILL)
                kills['job'] += 1
            time.sleep(rng.uniform(1, 10))
        if tool.poll() is None:
            tool.send_signal(signal.SIGKILL)
            kills['tool'] += 1
        tool.wait()
        results = broken / 'results.jsonl'
        if results.is_file() and len(results.read_text().splitlines()) == 43:
            finished += 1
            # All done: begin anew, so that kills fall on work.
            for line in results.read_text().splitlines()[5:]:
                job = json.loads(line)['job']
                (broken / f'predictions/{job}.csv').unlink(missing_ok=True)
    assert start(config, broken).wait() == 0
    print(f'kills: {kills}; runs that were whole before the next kill: {finished}')
    assert left_behind(broken) == expected
