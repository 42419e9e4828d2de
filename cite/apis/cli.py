"""What the commands share."""

import argparse
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable, NoReturn, Optional, Union

from cite.core.command_line import refuse_changed_options

RULE_HELP = (
    'which slide a patch belongs to: prefix (its name up to the first "_"; default), '
    'folder, a regular expression with one group, or "column:NAME of TABLE.csv"'
)


_PACKAGE = str(Path(__file__).resolve().parents[1])


def run_cli(main: Callable[[], None], only_ours: bool = False) -> NoReturn:
    """Run a command; a user's mistake ends in one sentence instead of a traceback.

    Args:
        main: the command; its ValueError, TypeError or OSError is a user's mistake.
        only_ours: an error of another package, or of the user's own parts, keeps its
            traceback.

    Raises:
        SystemExit: always; the code is 0, or 2 after a mistake, as in argparse.
    """
    try:
        main()
    except (ValueError, TypeError, OSError) as error:
        if only_ours and not _is_ours(error):
            raise
        _fail(str(error))
    except RuntimeError as error:
        # pathlib raises it for ~name where no user has this name.
        if 'determine home directory' not in str(error):
            raise
        _fail(f'{error}: correct the path after ~')
    sys.exit(0)


def _is_ours(error: Optional[BaseException]) -> bool:
    """Tell whether this package raised an error, perhaps through mmcv's registry."""
    while error is not None:
        *_, (frame, _) = traceback.walk_tb(error.__traceback__)
        file = frame.f_code.co_filename
        if not Path(file).match('mmcv/utils/registry.py'):
            return file.startswith(_PACKAGE)
        error = error.__context__  # what the registry puts the part's name before
    return False


def _fail(reason: str) -> NoReturn:
    sys.stdout.flush()  # in a log of both streams, what was printed before comes first
    print(f'error: {reason}', file=sys.stderr)
    sys.exit(2)


def make_parser(name: str, doc: Optional[str]) -> argparse.ArgumentParser:
    """Make the parser of ``cite NAME``, described by the docstring of its module."""
    return argparse.ArgumentParser(
        prog=f'cite {name}',
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_cfg_options(parser: argparse.ArgumentParser, dest: str = 'options') -> None:
    """Add ``--cfg-options KEY=VALUE …``, overrides of the config, to a parser."""
    add_key_values(
        parser,
        '--cfg-options',
        'overrides of the config, as mim train takes them',
        dest=dest,
    )


def add_key_values(parser: Any, name: str, text: str, **options: Any) -> None:
    """Add an option that takes ``KEY=VALUE …`` to a parser or a group of it."""
    parser.add_argument(
        name, nargs='+', action=_KeyValues, metavar='KEY=VALUE', help=text, **options
    )


class _KeyValues(argparse.Action):
    """mmcv's ``DictAction``, imported only where the option is used."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Union[str, Sequence[Any], None],
        option_string: Optional[str] = None,
    ) -> None:
        for value in values or ():
            if '=' not in value:
                parser.error(f'{option_string} {value}: write KEY=VALUE')
        from mmcv import DictAction

        before = getattr(namespace, self.dest) or {}
        action = DictAction(self.option_strings, self.dest, nargs='+')
        try:
            refuse_changed_options([str(option_string), *map(str, values or ())])
            action(parser, namespace, values, option_string)
            setattr(namespace, self.dest, {**before, **getattr(namespace, self.dest)})
        except ValueError as error:
            parser.error(str(error))
        # mmcv's, for a comma within the brackets of a text, and for half a pair.
        except (RecursionError, AssertionError):
            written = ' '.join(map(str, values or ()))
            parser.error(
                f'{option_string}: mmcv cannot read {written}: write a text with '
                'brackets and commas into the config.'
            )
