"""Paste the help texts of the command line into the docs, or check that they are what the commands print.

Between `<!-- help: autoglm fit -->` and `<!-- end -->` stands what `autoglm fit --help` prints.
Run `python docs/tools/paste_help.py` after changing a command, with `--check` to only compare (exit code 1).
"""

import os
import re
import subprocess
import sys
from pathlib import Path

PAGES = (Path(__file__).resolve().parent.parent / "guide" / "command-line.md",)
BLOCK = re.compile(r"(<!-- help: (?P<command>[^>]+?) -->\n).*?(<!-- end -->)", re.DOTALL)
RUN = "import sys; from autoglm.commands import main; sys.argv = sys.argv[1:]; sys.exit(main())"


def pasted(text: str) -> str:
    """Return the page with every help text as it is now."""
    return BLOCK.sub(lambda m: f"{m[1]}{_block(m['command'])}{m[3]}", text)


def _block(command: str) -> str:
    return f"```text\n$ {command} --help\n{help_of(command)}\n```\n"


def help_of(command: str) -> str:
    """Return what `command --help` prints on a terminal 100 columns wide, without colours."""
    plain = os.environ | {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
    call = [sys.executable, "-c", RUN, *command.split(), "--help"]
    done = subprocess.run(call, env=plain, capture_output=True, text=True, check=True)
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())


def main(arguments: list[str]) -> int:
    """Rewrite the pages, or with `--check` name those that are out of date."""
    check, stale = "--check" in arguments, False
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        now = pasted(text)
        if now != text and check:
            stale = True
            print(f"{page.name}: out of date, run python docs/tools/paste_help.py", file=sys.stderr)
        elif now != text:
            page.write_text(now, encoding="utf-8")
    return int(stale)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
