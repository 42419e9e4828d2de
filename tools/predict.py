"""``cite predict`` from a checkout, installed or not."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cite.commands import run

if __name__ == '__main__':
    run('predict', sys.argv[1:])
