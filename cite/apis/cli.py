"""What the commands in tools/ share."""

import sys
from typing import Callable, NoReturn


def run_cli(main: Callable[[], None]) -> NoReturn:
    """Run a command; a user's mistake ends in one sentence instead of a traceback.

    Args:
        main: the command. What it raises as ValueError, TypeError or OSError (no such
            file, disk full, not permitted) is printed as ``error: …``.

    Raises:
        SystemExit: always; the code is 0, or 2 after a mistake, as argparse has it.
    """
    try:
        main()
    except (ValueError, TypeError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        sys.exit(2)
    sys.exit(0)
