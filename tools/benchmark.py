"""``python -m benchmarks`` from a checkout, installed or not."""

import sys
from pathlib import Path

# In first place: `tools/`, which Python puts there, has a demo.py of its own.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.__main__ import main
from cite.apis.cli import run_cli

if __name__ == '__main__':
    run_cli(main)
