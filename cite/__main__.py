"""The command ``cite``, also started by ``python -m cite``.

::

    cite train CONFIG …  # as `mim train mmcls`
    torchrun --nproc_per_node 2 -m cite train CONFIG --launcher pytorch
    srun --ntasks 2 … python -m cite train CONFIG --launcher slurm
"""

import sys
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Optional

from cite.commands import COMMANDS, run, summary


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the command that the first argument names, with the rest as its arguments.

    Args:
        argv: arguments; those of this process by default.
    """
    words = sys.argv[1:] if argv is None else argv
    # torch.distributed.launch of torch 2 puts --local-rank first, which mmcls 0.25.0
    # does not know; it reads the same number from LOCAL_RANK.
    arguments = [word for word in words if not word.startswith('--local-rank')]
    if not arguments or arguments[0] in ('-h', '--help'):
        print(overview())
        return
    name, *rest = arguments
    if name not in COMMANDS:
        nearest = get_close_matches(name, COMMANDS, n=1)
        meant = f' Did you mean cite {nearest[0]}?' if nearest else ''
        print(
            f'error: cite has no command {name}.{meant} `cite --help` lists them all.',
            file=sys.stderr,
        )
        sys.exit(2)
    run(name, rest)


def overview() -> str:
    """List the commands with a line each."""
    width = max(map(len, COMMANDS))
    lines = (f'  {name:{width}} {summary(name)}' for name in COMMANDS)
    return '\n'.join(
        [
            'usage: cite COMMAND …',
            '',
            *lines,
            '',
            '`cite COMMAND --help` describes a command and its options.',
        ]
    )


if __name__ == '__main__':
    main()
