"""One side of a row in its own process: ``python -m benchmarks.side``.

It sets up, then measures once for each line on its standard input.
"""

import json
import os
import sys
from pathlib import Path

import torch

from .row import Workspace, pick
from .rows import all_rows


def main() -> None:
    """Answer each line on the standard input with a number, as JSON."""
    key, side, folder, small, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    (row,) = pick(all_rows(), [key])
    # Answers get another descriptor, since mmcv's progress bar writes to this one.
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    workspace = Workspace(Path(folder), small == 'True')
    measure = getattr(row, side)(workspace)
    print(json.dumps('ready'), file=answers, flush=True)
    for _ in sys.stdin:
        print(json.dumps(measure()), file=answers, flush=True)


if __name__ == '__main__':
    main()
