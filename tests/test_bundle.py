"""The saved folder: whole or refused, safe to open, the same answers elsewhere."""

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import autoglm
from autoglm import AutoML, Predictor, bundle
from autoglm.core.errors import FolderError
from autoglm.core.files import sha256

CODE = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")  # how pickles of protocol 2 to 5 begin


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"a": draw.normal(size=80), "c": draw.choice(list("xyz"), 80), "t": ["some words here"] * 80})
    return frame.assign(y=np.where(frame["a"] > 0, "yes", "no"))


@pytest.fixture(scope="module")
def home(table: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with run and predictor, all kinds of learners in it."""
    folder = tmp_path_factory.mktemp("home") / "model"
    AutoML(work=12, folder=folder, search="none").fit(table, "y")
    return folder


@pytest.fixture
def saved(home: Path, tmp_path: Path) -> Path:
    """A saved copy that may be damaged."""
    return autoglm.load(home).save(tmp_path / "saved")


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "manifest.json"
    about = json.loads(path.read_text())
    change(about)
    path.write_text(json.dumps(about))


def model_file(folder: Path) -> Path:
    return max((p for p in folder.glob("members/*/*/*") if p.is_file()), key=lambda p: p.stat().st_size)


def test_a_copy_answers_the_same(home: Path, saved: Path, table: pd.DataFrame) -> None:
    one, other = autoglm.load(home), autoglm.load(saved)
    assert np.array_equal(one.predict_proba(table), other.predict_proba(table))
    assert not (saved / "run").exists()
    assert sorted(p.name for p in saved.iterdir()) == sorted(
        [
            "MODEL_CARD.md",
            "background",
            "encodings.json",
            "encodings.npz",
            "manifest.json",
            "members",
            "oof.npy",
            "profile.json",
            "report.html",
            "summary.json",
        ]
    )


def test_nothing_in_it_runs_code_when_it_is_read(home: Path) -> None:
    files = [p for p in home.rglob("*") if p.is_file()]
    assert len(files) > 20
    assert not [p for p in files if p.suffix in (".pkl", ".pickle", ".joblib", ".pt", ".py")]
    assert not [p for p in files if p.read_bytes()[:2] in CODE]
    for path in files:
        if path.suffix in (".npy", ".npz"):
            np.load(path, allow_pickle=False)


@pytest.mark.parametrize("name", ["encodings.json", "encodings.npz", "summary.json", "oof.npy", "report.html"])
def test_a_changed_file_is_refused(saved: Path, name: str) -> None:
    whole = (saved / name).read_bytes()
    (saved / name).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(FolderError, match=rf"{name}.*hash"):
        autoglm.load(saved)


def test_a_truncated_model_is_refused(saved: Path) -> None:
    path = model_file(saved)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(FolderError, match=r"has 100 bytes, expected \d+: it is truncated"):
        autoglm.load(saved)


def test_a_missing_file_is_named_but_people_s_files_may_go(saved: Path, table: pd.DataFrame) -> None:
    (saved / "report.html").unlink()
    (saved / "MODEL_CARD.md").unlink()
    assert len(autoglm.load(saved).predict(table)) == 80
    path = model_file(saved)
    path.unlink()
    with pytest.raises(FolderError, match=rf"{path.name}' is missing"):
        autoglm.load(saved)


def test_no_manifest_or_no_folder(saved: Path, home: Path, tmp_path: Path) -> None:
    with pytest.raises(FolderError, match=r"no folder .*saved2.*beside it: saved"):
        autoglm.load(tmp_path / "saved2")
    (saved / "manifest.json").unlink()
    with pytest.raises(FolderError, match=r"holds no predictor \(no manifest.json\)"):
        autoglm.load(saved)
    unfinished = tmp_path / "unfinished"
    shutil.copytree(home / "run", unfinished / "run")
    with pytest.raises(FolderError, match="was not finished: repeat the same fit"):
        autoglm.load(unfinished)


def test_a_newer_format_says_how_to_upgrade(saved: Path) -> None:
    edit(saved, lambda a: a.update(format=bundle.FORMAT + 1, version="9.9"))
    with pytest.raises(FolderError, match=r"format 2, written by open-autoglm 9.9.*pip install -U"):
        autoglm.load(saved)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": "x", "files": {}}', '{"format": 1}', "\x00"])
def test_a_damaged_manifest_is_refused(saved: Path, text: str) -> None:
    (saved / "manifest.json").write_text(text)
    with pytest.raises(FolderError, match="is damaged"):
        autoglm.load(saved)


@pytest.mark.parametrize("key", ["task", "columns", "members", "temperature", "threads"])
def test_a_manifest_without_what_a_predictor_needs_is_refused(saved: Path, key: str) -> None:
    edit(saved, lambda a: a.pop(key))
    with pytest.raises(FolderError, match=rf"is damaged \(without {key}"):
        autoglm.load(saved)


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "members/../../secret"])
def test_a_manifest_that_points_outside_is_refused(saved: Path, name: str) -> None:
    secret = saved.parent / "secret"
    secret.write_text("x")
    edit(saved, lambda a: a["files"].update({name: {"sha256": sha256(secret), "bytes": 1}}))
    with pytest.raises(FolderError, match="lies outside the folder"):
        autoglm.load(saved)


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a["columns"].pop(),
        lambda a: a["columns"][0].update(used=False),
        lambda a: a["members"][0].update(weight="much"),
        lambda a: a.update(task={}),
        lambda a: a["task"].update(kind="regression"),
        lambda a: a.update(offsets="none"),
        lambda a: a.update(temperature=0.0),
    ],
)
def test_an_edited_manifest_is_refused(saved: Path, change: Callable[[dict[str, Any]], object]) -> None:
    edit(saved, change)
    with pytest.raises(FolderError, match="was changed"):
        autoglm.load(saved)


def test_a_manifest_without_its_own_hash_is_read(saved: Path, table: pd.DataFrame) -> None:
    edit(saved, lambda a: a.pop("sha256"))
    assert len(autoglm.load(saved).predict(table)) == len(table)


def test_a_link_that_leads_outside_is_refused(saved: Path, tmp_path: Path) -> None:
    path = model_file(saved)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FolderError, match="lies outside the folder"):
        autoglm.load(saved)


@pytest.mark.parametrize("fit", ["../../elsewhere", "members/none/0.0", "/etc"])
def test_a_model_without_a_hash_is_refused(saved: Path, fit: str) -> None:
    edit(saved, lambda a: a["members"][0]["fits"].append(fit))
    with pytest.raises(FolderError, match="is not among its files"):
        autoglm.load(saved)


def test_files_without_hashes_are_refused(saved: Path) -> None:
    edit(saved, lambda a: a["files"].update({"summary.json": 5}))
    with pytest.raises(FolderError, match=r"no hash of 'summary.json'"):
        autoglm.load(saved)
    edit(saved, lambda a: a["files"].pop("summary.json"))
    with pytest.raises(FolderError, match=r"without summary.json"):
        autoglm.load(saved)


def test_saving_never_takes_a_folder_of_something_else(saved: Path, tmp_path: Path, table: pd.DataFrame) -> None:
    predictor = autoglm.load(saved)
    other = tmp_path / "other"
    other.mkdir()
    assert predictor.save(other) == other
    (other / "report.html").write_text("edited")
    assert predictor.save(other) == other  # a predictor may be replaced
    assert len(autoglm.load(other).predict(table)) == 80
    (other / "manifest.json").unlink()
    with pytest.raises(FolderError, match=r"holds 'MODEL_CARD.md', which is no part .* choose another folder"):
        predictor.save(other)
    with pytest.raises(FolderError, match=r"holds 'summary.json'"):
        predictor.save(other / "summary.json")
    with pytest.raises(FolderError, match=r"cannot save"):
        predictor.save(other / "summary.json" / "below")
    assert predictor.save(saved) == saved
    assert len(autoglm.load(saved).predict(table)) == 80
    assert sorted(p.name for p in tmp_path.iterdir()) == ["other", "saved"]


@pytest.mark.parametrize("text", ['{"name": "A web app"}', '{"format": 1, "files": {"js/app.js": {}}}', "["])
def test_a_manifest_of_something_else_is_no_leave_to_save_there(saved: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "app" / "js").mkdir(parents=True)
    (tmp_path / "app" / "js" / "app.js").write_text("alert(1)")
    (tmp_path / "app" / "manifest.json").write_text(text)
    with pytest.raises(FolderError, match=r"holds 'js/app.js', .* choose another folder"):
        autoglm.load(saved).save(tmp_path / "app")
    assert (tmp_path / "app" / "js" / "app.js").read_text() == "alert(1)"
    assert (tmp_path / "app" / "manifest.json").read_text() == text


@pytest.mark.parametrize("name", ["notes.txt", "members/mine.txt", "run/results.csv"])
def test_a_file_beside_a_predictor_is_not_lost_by_saving_there(saved: Path, tmp_path: Path, name: str) -> None:
    other = autoglm.load(saved).save(tmp_path / "other")
    (other / name).parent.mkdir(exist_ok=True)
    (other / name).write_text("mine")
    with pytest.raises(FolderError, match=f"holds '{name}'"):
        autoglm.load(saved).save(other)
    assert (other / name).read_text() == "mine"


def test_the_folder_of_a_fit_may_be_saved_to(home: Path, saved: Path, tmp_path: Path, table: pd.DataFrame) -> None:
    (tmp_path / "link").symlink_to(shutil.copytree(home, tmp_path / "fitted"))
    (tmp_path / "fitted" / "run" / ".run.json.77").write_text("{")  # of a fit that was killed
    autoglm.load(saved).save(tmp_path / "link")
    assert not (tmp_path / "fitted" / "run").exists() and (tmp_path / "link").is_symlink()
    assert len(autoglm.load(tmp_path / "fitted").predict(table)) == 80


@pytest.mark.parametrize("failing", [1, 2])
def test_saving_that_fails_leaves_the_predictor_that_was_there(
    saved: Path, tmp_path: Path, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    other, calls, rename = autoglm.load(saved).save(tmp_path / "other"), [0], os.rename

    def broken(*places: Path) -> None:
        calls[0] += 1
        if calls[0] == failing:
            raise OSError(errno.EIO, "Input/output error")
        rename(*places)

    monkeypatch.setattr(os, "rename", broken)
    with pytest.raises(FolderError, match=r"cannot save to .*Input/output error"):
        autoglm.load(saved).save(other)
    assert len(autoglm.load(other).predict(table)) == 80
    assert sorted(p.name for p in tmp_path.iterdir()) == ["other", "saved"]


def test_what_cannot_be_put_back_is_kept_and_named(
    saved: Path, tmp_path: Path, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, rename = autoglm.load(saved).save(tmp_path / "other"), os.rename

    def one_way(source: Path, target: Path) -> None:
        if target == other:
            raise OSError(errno.EIO, "Input/output error")
        rename(source, target)

    monkeypatch.setattr(os, "rename", one_way)
    with pytest.raises(FolderError, match="what was there is in") as refused:
        autoglm.load(saved).save(other)
    assert len(autoglm.load(str(refused.value).split("'")[-2]).predict(table)) == 80


def test_a_new_fit_in_an_old_folder_takes_no_old_models(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    one = pd.DataFrame({"a": draw.normal(size=60)})
    other = pd.DataFrame({"a": draw.normal(size=60)})
    quick: dict[str, Any] = {"work": 2, "threads": 1, "learners": ["linear"], "search": "none"}
    AutoML(**quick, folder=tmp_path / "x").fit(one.assign(y=one["a"]), "y")
    again = AutoML(**quick, folder=tmp_path / "x", fresh=True).fit(other.assign(y=-5 * other["a"]), "y")
    alone: Predictor = AutoML(**quick).fit(other.assign(y=-5 * other["a"]), "y")
    assert np.array_equal(again.predict(other), alone.predict(other))


QUICK: dict[str, Any] = {"threads": 1, "learners": ["linear"], "search": "none"}


@pytest.fixture
def extended(tmp_path: Path, table: pd.DataFrame) -> Path:
    """A finished predictor that a longer call extends."""
    AutoML(**QUICK, work=2, folder=tmp_path / "x").fit(table, "y")
    return tmp_path / "x"


def full(*_: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("step", ["keep", "seal", "take"])
def test_a_disk_that_fills_up_leaves_the_predictor_that_was_there(
    extended: Path, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before, names = autoglm.load(extended).predict_proba(table), sorted(extended.iterdir())
    with monkeypatch.context() as patched, pytest.raises(FolderError, match=r"cannot write .*No space left"):
        patched.setattr(bundle, step, full)
        AutoML(**QUICK, work=6, folder=extended).fit(table, "y")
    assert np.array_equal(autoglm.load(extended).predict_proba(table), before)
    assert sorted(extended.iterdir()) == names
    more = AutoML(**QUICK, work=6, folder=extended).fit(table, "y")
    assert np.array_equal(more.predict_proba(table), AutoML(**QUICK, work=6).fit(table, "y").predict_proba(table))
    assert sorted(extended.iterdir()) == names


@pytest.mark.parametrize("failing", [1, 4, len(bundle.PARTS), len(bundle.PARTS) + 1, 2 * len(bundle.PARTS)])
@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()])
def test_an_exchange_that_fails_is_taken_back(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int, error: BaseException
) -> None:
    folder = shutil.copytree(home, tmp_path / "x")
    new = autoglm.load(home).save(folder / bundle.NEXT)
    edit(new, lambda about: about.update(sha256="other"))
    version, calls, rename = bundle.version_of(folder), [0], os.rename

    def broken(source: Path, target: Path) -> None:
        assert bundle.version_of(folder) == version or not (folder / "manifest.json").exists()
        calls[0] += 1
        if calls[0] == failing:
            raise error
        rename(source, target)

    with monkeypatch.context() as patched, pytest.raises(type(error)):
        patched.setattr(os, "rename", broken)
        bundle.take(new, folder)
    assert bundle.version_of(folder) == version and len(bundle.unseal(folder)["members"]) > 0
    bundle.take(new, folder)
    assert bundle.version_of(folder) != version
    assert sorted(p.name for p in folder.iterdir()) == sorted([*bundle.PARTS, "run"])


def test_a_kill_during_the_exchange_is_mended_by_the_same_call(extended: Path, table: pd.DataFrame) -> None:
    (extended / bundle.NEXT).mkdir()
    (extended / bundle.LAST).mkdir()
    os.rename(extended / "manifest.json", extended / bundle.LAST / "manifest.json")
    os.rename(extended / "members", extended / bundle.NEXT / "members")
    with pytest.raises(FolderError, match="was not finished: repeat the same fit"):
        autoglm.load(extended)
    AutoML(**QUICK, work=6, folder=extended).fit(table, "y")
    assert len(autoglm.load(extended).predict(table)) == 80
    assert sorted(p.name for p in extended.iterdir()) == sorted([*bundle.PARTS, "run"])


def test_the_remains_of_a_kill_are_no_obstacle_to_saving_there(saved: Path, tmp_path: Path) -> None:
    other = autoglm.load(saved).save(tmp_path / "other")
    shutil.copytree(saved, other / bundle.LAST)
    assert autoglm.load(saved).save(other) == other
    assert not (other / bundle.LAST).exists()
