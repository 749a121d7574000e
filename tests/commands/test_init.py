import os
import resource
import subprocess
import sys
from pathlib import Path

import click
import pytest

from autoglm import __version__, commands
from autoglm.core import shelf
from autoglm.core.errors import DataError

from .conftest import Run

NAMES = [
    "data",
    "dead",
    "doctor",
    "domains",
    "drift",
    "embed",
    "explain",
    "fit",
    "info",
    "jobs",
    "predict",
    "report",
    "search",
    "serve",
    "shadow",
]


def process(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-c", f"import sys; from autoglm.commands import main; {code}"]
    path = os.pathsep.join([str(Path(commands.__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(call, env=os.environ | {"PYTHONPATH": path} | environment, capture_output=True, text=True)


def test_the_folder_is_the_list_of_commands(run: Run) -> None:
    done = run("--help")
    assert done.code == 0
    for name, line in shelf.catalogue("commands").items():
        assert f"  {name}" in done.out
        assert line.split()[0] in done.out
    assert list(shelf.catalogue("commands")) == NAMES


def test_no_arguments_print_the_help(run: Run) -> None:
    assert run().out == run("--help").out


def test_the_package_runs_as_a_module() -> None:
    path = os.pathsep.join(p for p in sys.path if p)
    call = [sys.executable, "-m", "autoglm", "info", "nowhere"]
    done = subprocess.run(call, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True)
    assert done.returncode == 1
    assert "nowhere" in done.stderr


def test_version(run: Run) -> None:
    assert run("--version").out == f"autoglm {__version__}\n"


@pytest.mark.parametrize("name", NAMES)
def test_every_help_has_an_example_and_says_what_options_do(run: Run, name: str) -> None:
    done = run(name, "--help")
    assert done.code == 0
    assert "Example" in done.out and f"autoglm {name}" in done.out.partition("Example")[2]
    command = shelf.plugin("commands", name).command
    assert all(p.help for p in command.params if isinstance(p, click.Option))


def test_help_imports_nothing_heavy() -> None:
    done = process("main(['--help']); print([m for m in ('numpy', 'pandas', 'rich') if m in sys.modules])")
    assert done.stdout.endswith("[]\n"), done.stdout + done.stderr


def test_help_is_instant() -> None:
    spent = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        process("main(['--help'])")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(spent) < 0.4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fti"], "did you mean 'fit'"),
        (["fit"], "Missing argument 'TRAIN'"),
        (["fit", "x.csv"], "Missing option '--target'"),
        (["fit", "x.csv", "--target", "y", "--second", "5"], "--seconds"),
        (["fit", "x.csv", "--target", "y", "--seconds", "soon"], "not a valid float"),
        (["predict", "a", "b", "c"], "unexpected extra argument"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(run: Run, arguments: list[str], words: str) -> None:
    done = run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ") and done.err.count("\n") == 1
    assert words in done.err and "--help" in done.err


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        (DataError("two\nlines"), 1, "two lines"),
        (FileNotFoundError(2, "No such file", "a.csv"), 1, "a.csv: No such file"),
        (OSError("no space"), 1, "no space"),
        (MemoryError(), 1, "out of memory: free some, or give fewer rows"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_errors_are_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, raised: BaseException, code: int, words: str
) -> None:
    def fails(*_: object) -> None:
        raise raised

    monkeypatch.setattr(commands.Commands, "get_command", fails)
    done = run("info", "x")
    assert done.code == code
    assert done.err.strip() == f"error: {words}"
    monkeypatch.setenv("AUTOGLM_DEBUG", "1")
    with pytest.raises((type(raised), click.Abort)):
        run("info", "x")


def test_a_reader_that_leaves_causes_no_traceback() -> None:
    done = process("import os; r, w = os.pipe(); os.close(r); os.dup2(w, 1); sys.exit(main(['--help']))")
    assert (done.returncode, done.stderr) == (1, "")
