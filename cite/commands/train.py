"""Train the model of a config, as `mim train mmcls` does.

cite train configs/mine/cite.py --work-dir work_dirs/mine --seed 0
cite train configs/mine/cite.py --work-dir work_dirs/mine --auto-resume   # after a stop

cite is loaded first, even where a config does not import it. The arguments are those of
mmcls' train.py, and --auto-resume, which mmcls 0.25.0 refuses.
"""

import argparse
import runpy
import sys
from pathlib import Path
from typing import Callable, Optional

from cite.version import __version__


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Check that the config is there; mmcls' tool parses the arguments.

    Raises:
        SystemExit: the first argument names a config that does not exist.
    """
    arguments = list(argv)
    if arguments and not arguments[0].startswith('-'):
        from cite.apis.config_file import find_config

        try:
            find_config(arguments[0])
        except FileNotFoundError as error:
            raise SystemExit(f'error: {error}') from error
    if '--auto-resume' in arguments:
        arguments = _set_option(arguments, 'auto_resume=True')
    return argparse.Namespace(arguments=arguments)


def main(args: argparse.Namespace) -> None:
    """Run mmcls' train.py."""
    run_tool('train', args.arguments, __doc__, collect_env=_environment)


def run_tool(
    name: str, arguments: list[str], doc: Optional[str], **replaced: Callable
) -> None:
    """Run mmcls' ``train`` or ``test`` with its command line in this process.

    Args:
        name: the tool.
        arguments: of its command line.
        doc: what a question for help is told before the tool's own options.
        replaced: functions that the tool imports by these names, and gets from us.
    """
    import mmcls

    path = Path(mmcls.__file__).parent / '.mim' / 'tools' / f'{name}.py'
    sys.argv = [str(path), *arguments]
    if {'-h', '--help'} & {*arguments}:
        sys.argv[0] = f'cite {name}'  # what the tool calls itself
        print((doc or '').strip(), end='\n\n')
    tool = runpy.run_path(str(path))
    tool['main'].__globals__.update(replaced)
    tool['main']()


def _environment() -> dict[str, str]:
    """Describe versions and devices; mmcls' own asks git about the current folder."""
    import mmcls
    from mmcv.utils import collect_env

    versions = {'MMClassification': mmcls.__version__, 'CITE': __version__}
    return {**collect_env(), **versions}


def _set_option(arguments: list[str], option: str) -> list[str]:
    """Replace ``--auto-resume`` by one of the config's options, which mmcls knows."""
    arguments = [word for word in arguments if word != '--auto-resume']
    if '--cfg-options' not in arguments:
        return [*arguments, '--cfg-options', option]
    place = arguments.index('--cfg-options') + 1
    return [*arguments[:place], option, *arguments[place:]]
