"""The command line, a thin face over the Python API: one file here is one command.

A command's file is imported only when the command runs; the list in ``autoglm --help`` is the first line of
each file's docstring, read without importing it. Each file names its `click.Command` ``command``.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

import click

from autoglm import __version__
from autoglm.core import shelf
from autoglm.core.errors import AutoGLMError, nearest

INTERRUPTED = 130  # what shells expect after Ctrl-C


class Commands(click.Group):
    """The commands in this folder."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(shelf.plugins("commands"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        found: click.Command = shelf.plugin("commands", cmd_name).command
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments name; offer the nearest where there is none."""
        name, known = args[0], self.list_commands(ctx)
        if name not in known and not name.startswith("-"):
            ctx.fail(f"no command {name!r}{nearest(name, known)} (known: {', '.join(known)})")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(shelf.catalogue("commands").items()))


@click.command(cls=Commands, name="autoglm", context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="autoglm", message="%(prog)s %(version)s")
def commands() -> None:
    """From a table to a saved, explained predictor, inside the seconds you give it.

    \b
    Example:
      autoglm fit train.csv --target churn --seconds 60 --out churn-model
      autoglm predict churn-model new.csv -o answers.csv

    Exit codes: 0 all went well, 1 an error (one line says which; AUTOGLM_DEBUG=1 shows where), 2 wrong
    usage, 130 interrupted.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 is no reason to fail
    try:
        code = commands.main(given, prog_name="autoglm", standalone_mode=False)
        sys.stdout.flush()
    except (click.Abort, KeyboardInterrupt):
        return _stopped("interrupted", INTERRUPTED)
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "autoglm"
        return _stopped(f"{error.format_message()} (see: {path} --help)", error.exit_code)
    except click.ClickException as error:
        return _stopped(error.format_message(), error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python complains again when it ends
        return 1
    except AutoGLMError as error:
        return _stopped(str(error), 1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _stopped(where + (error.strerror or str(error)), 1)
    except MemoryError:
        return _stopped("out of memory: free some, or give fewer rows", 1)
    return code if isinstance(code, int) else 0


def _stopped(message: str, code: int) -> int:
    """Say in one line why it ended; called while the exception is in hand."""
    if os.environ.get("AUTOGLM_DEBUG"):
        raise
    click.echo(f"error: {' '.join(message.split())}", err=True)
    return code
