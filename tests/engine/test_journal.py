"""The journal: what is finished stays, what is not is cleared away, what differs is named."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autoglm.core.errors import FolderError
from autoglm.core.files import write_array, write_json
from autoglm.engine.journal import Candidate, Journal, commit

IDENTITY: dict[str, Any] = {"data": "abc", "rows": 10, "target": "y"}


def finished(journal: Journal, candidate: Candidate, fold: int) -> Path:
    place = journal.place(candidate, 0, fold)
    place.mkdir(parents=True)
    write_array(place / "oof.npy", np.zeros((3, 1), np.float32))
    about = {"learner": candidate.learner, "settings": candidate.settings, "rows": candidate.rows}
    write_json(place / "fit.json", {"candidate": about, "seconds": 1.0, "microseconds": 2.0, "elapsed": 3.0})
    return place


def test_a_run_continues_with_the_seconds_it_has_spent(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run")
    assert journal.open(IDENTITY, fresh=False) == 0.0
    journal.spend(IDENTITY, 12.5)
    assert Journal(tmp_path / "run").open(IDENTITY, fresh=False) == 12.5


def test_another_run_is_refused_and_the_difference_named(tmp_path: Path) -> None:
    Journal(tmp_path / "run").open(IDENTITY, fresh=False)
    with pytest.raises(FolderError, match=r"differs in data, rows.*fresh=True"):
        Journal(tmp_path / "run").open(IDENTITY | {"data": "x", "rows": 11}, fresh=False)


def test_fresh_forgets(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run")
    journal.open(IDENTITY, fresh=False)
    finished(journal, Candidate("linear", {}), 0)
    assert journal.open(IDENTITY | {"rows": 11}, fresh=True) == 0.0
    assert journal.finished() == []


def test_remains_of_killed_fits_and_damaged_records_are_cleared_away(tmp_path: Path) -> None:
    journal, candidate = Journal(tmp_path / "run"), Candidate("linear", {"knots": 2})
    journal.open(IDENTITY, fresh=False)
    whole = finished(journal, candidate, 0)
    (whole.parent / ".0.1.999").mkdir()
    damaged = finished(journal, candidate, 2)
    (damaged / "fit.json").write_text('{"cand')
    assert [(f.candidate, f.repeat, f.fold) for f in journal.finished()] == [(candidate.name, 0, 0)]
    assert [p.name for p in whole.parent.iterdir()] == ["0.0"]
    assert journal.candidates() == {candidate.name: candidate}


def test_a_damaged_record_of_the_run_is_an_error_with_a_cure(tmp_path: Path) -> None:
    Journal(tmp_path / "run").open(IDENTITY, fresh=False)
    for text in ('{"iden', "[]", '{"identity": {}}'):
        (tmp_path / "run" / "run.json").write_text(text)
        with pytest.raises(FolderError, match=r"damaged.*fresh=True"):
            Journal(tmp_path / "run").open(IDENTITY, fresh=False)
    assert Journal(tmp_path / "run").open(IDENTITY, fresh=True) == 0.0


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderError, match="cannot write to folder"):
        Journal(tmp_path / "file" / "run").open(IDENTITY, fresh=False)


def test_the_first_of_two_commits_stays(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "fit.json").write_text(json.dumps(name))
        commit(tmp_path / name, tmp_path / "place")
    assert json.loads((tmp_path / "place" / "fit.json").read_text()) == "one"
    assert not (tmp_path / "two").exists()


def test_a_candidate_has_one_name_in_every_run() -> None:
    one, same = Candidate("linear", {"a": 1, "b": 2.0}), Candidate("linear", {"b": np.float64(2), "a": np.int64(1)})
    assert one.name == same.name
    assert len({one.name, Candidate("linear", {"a": 1}).name, Candidate("linear", {"a": 1, "b": 2.0}, 5).name}) == 3
