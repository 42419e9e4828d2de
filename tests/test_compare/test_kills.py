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
    ids = []
    for entry in Path('/proc').iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if os.getsid(int(entry.name)) == group:
                    ids.append(int(entry.name))
    return ids


def left_behind(out):
    """Return the contents that must be the same after any history."""
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
    done = []  # jobs that were done at each kill
    while sum(kills.values()) < KILLS:
        before = lines(broken)
        tool = start(config, broken)
        # Kill while Python starts and plans, or while jobs run.
        if rng.random() < 0.3:
            time.sleep(rng.uniform(1, whole / 4))
        else:
            wait_for_a_line(tool, broken, before)
            time.sleep(rng.uniform(0, 5))
        victims = [pid for pid in processes_of(tool.pid) if pid != tool.pid]
        if rng.random() < 0.5 and victims and tool.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(rng.choice(victims), signal.SIGKILL)
                kills['job'] += 1
                done.append(lines(broken))
            time.sleep(rng.uniform(0, 5))
        if tool.poll() is None:
            tool.send_signal(signal.SIGKILL)
            kills['tool'] += 1
            done.append(lines(broken))
        tool.wait()
        if lines(broken) == 43:
            # All done: delete results, so that the next kills interrupt work.
            for path in sorted((broken / 'predictions').iterdir())[5:]:
                path.unlink()
    assert start(config, broken).wait() == 0
    print(f'kills: {kills}; jobs done at each: {done}')
    assert left_behind(broken) == expected
    assert not [*broken.rglob('*.partial')]


def lines(out):
    """Count the results."""
    file = out / 'results.jsonl'
    return len(file.read_text().splitlines()) if file.is_file() else 0


def wait_for_a_line(tool, out, before):
    """Wait until another job is done, or the tool has ended."""
    while tool.poll() is None and lines(out) <= before:
        time.sleep(0.1)
