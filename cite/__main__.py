"""mmcls' own commands with cite in place from the start.

::

    python -m cite train CONFIG …  # as `mim train mmcls`
    python -m cite test CONFIG CHECKPOINT …  # as mmcls' test.py
    torchrun --nproc_per_node 2 -m cite train CONFIG --launcher pytorch
    srun --ntasks 2 … python -m cite train CONFIG --launcher slurm

Besides mmcls' arguments they know ``--auto-resume``, and take the ``--local-rank`` that
``torch.distributed.launch`` of torch 2 adds; mmcls 0.25.0 refuses both.
"""

import runpy
import sys
from pathlib import Path

import mmcls

import cite  # noqa: F401
from cite.apis.config_file import find_config

_COMMANDS = ('train', 'test')


def main(arguments: list[str]) -> None:
    """Run one of mmcls' tools, ``arguments[0]``, with the rest as its arguments."""
    # Torch says the rank in LOCAL_RANK too, where mmcls looks first.
    arguments = [a for a in arguments if not a.startswith('--local-rank')]
    if not arguments or arguments[0] not in _COMMANDS:
        raise SystemExit(
            f'python -m cite {{{",".join(_COMMANDS)}}} CONFIG …: {__doc__}'
        )
    command, *rest = arguments
    if rest and not rest[0].startswith('-'):
        try:
            find_config(rest[0])
        except FileNotFoundError as error:
            raise SystemExit(f'error: {error}') from error
    if '--auto-resume' in rest:
        rest = _set_option(rest, 'auto_resume=True')
    tool = Path(mmcls.__file__).parent / '.mim' / 'tools' / f'{command}.py'
    sys.argv = [str(tool), *rest]
    runpy.run_path(str(tool), run_name='__main__')


def _set_option(arguments: list[str], option: str) -> list[str]:
    """Say ``--auto-resume`` in mmcls' words: as one of the config's options."""
    arguments = [a for a in arguments if a != '--auto-resume']
    if '--cfg-options' not in arguments:
        return [*arguments, '--cfg-options', option]
    place = arguments.index('--cfg-options') + 1
    return [*arguments[:place], option, *arguments[place:]]


if __name__ == '__main__':
    main(sys.argv[1:])
