from pathlib import Path

from .conftest import Run


def test_path(run: Run, model: Path) -> None:
    done = run("report", model)
    assert done.code == 0 and Path(done.out.strip()).read_text().lstrip().startswith("<")


def test_copy_to_a_file_or_a_folder(run: Run, model: Path, tmp_path: Path) -> None:
    assert run("report", model, "-o", tmp_path / "mine.html").out.strip() == str(tmp_path / "mine.html")
    assert run("report", model, "-o", tmp_path).out.strip() == str(tmp_path / "report.html")
    assert (tmp_path / "mine.html").read_bytes() == (tmp_path / "report.html").read_bytes()


def test_json(run: Run, model: Path) -> None:
    found = run("report", model, "--json").json
    assert found["score"]["value"] and found["leaderboard"] and found["report"].endswith("report.html")


def test_errors_are_one_line(run: Run, copied: Path, tmp_path: Path) -> None:
    done = run("report", copied, "-o", tmp_path / "no" / "where.html")
    assert done.code == 1 and done.err.startswith("error: ") and "where.html" in done.err
    (copied / "report.html").unlink()
    done = run("report", copied)
    assert done.code == 1 and "is missing" in done.err
    assert run("report", copied, "--json").code == 0
