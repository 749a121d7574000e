"""Settings: who wins, and everything that is wrong at once."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pydantic", reason="needs the extra serve")

from autoglm.core.errors import OptionError
from autoglm.kit.settings import Change, Source, masked


def read(
    flags: dict[str, Any] | None = None, environment: dict[str, str] | None = None, file: Path | None = None
) -> Any:
    return Source(flags or {}, environment or {}, file).read()


def test_flags_before_environment_before_file_before_defaults(tmp_path: Path) -> None:
    file = tmp_path / "serve.toml"
    file.write_text('name = "file"\nrows = 7\nhttp = 1\n')
    found = read({"http": 3, "name": None}, {"AUTOGLM_SERVE_HTTP": "2", "AUTOGLM_SERVE_ROWS": "8", "HOME": "/"}, file)
    assert (found.http, found.rows, found.name, found.grpc) == (3, 8, "file", 8001)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(OptionError) as caught:
        read({"http": 70000, "deadline": 0}, {"AUTOGLM_SERVE_ROW": "1"})
    said = str(caught.value)
    assert "unknown setting 'row'; did you mean 'rows'?" in said
    assert "http=70000" in said and "deadline=0" in said


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"host": "0.0.0.0"}, "reached from other machines"),
        ({"certificate": "a.pem"}, "certificate and key go together"),
        ({"clients": "a.pem"}, "clients needs certificate"),
        ({"name": "a b"}, "name='a b'"),
        ({"store": "a.sqlite"}, "store is the shadow's"),
        ({"explain": "now"}, "explain='now'"),
    ],
)
def test_settings_that_do_not_go_together(flags: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        read(flags)


def test_secrets_are_not_shown() -> None:
    found = read(environment={"AUTOGLM_SERVE_TOKEN": "hush", "AUTOGLM_SERVE_HOST": "0.0.0.0"})
    assert masked(found)["token"] == "***" and "hush" not in repr(found)
    assert masked(read())["token"] is None
    store = {"explain": "shadow", "store": "postgresql://me:hush@host:5432/base"}
    assert masked(read(store))["store"] == "postgresql://me:***@host:5432/base"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="cannot read settings"):
        read(file=tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("rows = ")
    with pytest.raises(OptionError, match="no TOML file"):
        read(file=tmp_path / "bad.toml")


def test_what_a_running_service_takes_over_and_what_needs_a_restart() -> None:
    old = read({"token": "hush", "rows": 5, "http": 1})
    change = Change.of(old, read({"token": "other", "rows": 7, "deadline": 9, "http": 2}))
    assert change.taken == {"rows": 7, "deadline": 9.0} and change.restart == ("http", "token")
    assert (change.settings.rows, change.settings.deadline, change.settings.http) == (7, 9.0, 1)
    assert change.settings.token == old.token and "other" not in repr(change)
    assert Change.of(old, old) == Change(old, {}, ())
