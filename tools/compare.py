"""``cite compare`` from a checkout, installed or not."""

import sys
from pathlib import Path

__cite_command__ = 'compare'  # cite imports torch when this needs it
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cite.commands import run

if __name__ == '__main__':
    run(__cite_command__, sys.argv[1:])
