"""The command line: spectra of weight files, of known systems and of one's own, and planes."""

import sys
import warnings

import click

from .. import __version__
from .options import complain
from .planes import show, sweep
from .single import demo, info, spectrum, system


@click.group()
@click.version_option(__version__)
def commands() -> None:
    """Lyapunov spectra of networks, with an error bar on every exponent."""


for command in (spectrum, system, sweep, show, demo, info):
    commands.add_command(command)


def main() -> None:
    """Errors and warnings are one line on stderr; exit codes as in the documents."""
    warnings.showwarning = lambda message, *_: complain(message)
    try:
        commands(standalone_mode=False)
    except click.ClickException as error:
        complain(error.format_message())
        sys.exit(2)
    except click.Abort:
        sys.exit(130)
    except (ValueError, TypeError, OSError, ImportError, OverflowError, MemoryError) as error:
        complain(error)
        sys.exit(2)
    except RuntimeError as error:
        complain(error)
        sys.exit(1)
