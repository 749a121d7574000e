"""SQuAD's JSON as rows of sentences and as spans, and the measures of its evaluation script."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autoglm import datasets
from autoglm.core.dataset import PART
from autoglm.core.errors import DataError, OptionError
from autoglm.datasets import squad

CONTEXT = 'Dr. Ada Lee was born in 1815. She wrote "notes." They were printed in the U.S. in 1843!\nNobody paid.'


def answers(*texts: str) -> list[dict[str, Any]]:
    return [{"text": text, "answer_start": CONTEXT.index(text)} for text in texts]


def question(name: str, asked: str, *texts: str) -> dict[str, Any]:
    return {"id": name, "question": asked, "answers": answers(*texts)}


def written(folder: Path, version: str, *dev: dict[str, Any]) -> Path:
    train = [question("t1", "When was she born?", "1815")]
    for name, questions in (("train", train), ("dev", list(dev))):
        data = {"version": version, "data": [{"title": "A", "paragraphs": [{"context": CONTEXT, "qas": questions}]}]}
        (folder / f"{name}-v{version}.json").write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
    return folder


def test_sentences_know_abbreviations_quotes_and_line_breaks() -> None:
    cut = squad.sentences(CONTEXT)
    assert [text for _, text in cut] == [
        "Dr. Ada Lee was born in 1815.",
        'She wrote "notes."',
        "They were printed in the U.S. in 1843!",
        "Nobody paid.",
    ]
    assert all(CONTEXT[at : at + len(text)] == text for at, text in cut)
    assert squad.sentences("  ") == []


def test_a_row_for_each_sentence(tmp_path: Path) -> None:
    written(tmp_path, "1.1", question("d1", "Where?", "U.S.", "the U.S."), question("d2", "Who paid?", "Nobody"))
    frame = squad.read(tmp_path, "sentence").frame
    assert frame.columns.tolist() == ["question_id", "question", "sentence", "holds_answer", PART]
    assert frame["holds_answer"].tolist() == [1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    assert frame["question_id"].tolist() == ["t1"] * 4 + ["d1"] * 4 + ["d2"] * 4
    assert frame[PART].tolist() == ["train"] * 4 + ["test"] * 8


def test_the_id_of_a_question_is_no_feature(tmp_path: Path) -> None:
    words = pytest.importorskip("autoglm.prep.words")
    found = squad.read(written(tmp_path, "1.1", question("d1", "Where were they printed?", "U.S.")), "sentence")
    assert found.card.groups == "question_id"
    numbers = datasets.features(found)
    renamed = found.frame.assign(question_id=found.frame["question_id"].map({"t1": "other", "d1": "1843"}))
    assert datasets.features(replace(found, frame=renamed)).equals(numbers)
    overlaps = words.features(found.frame[["question", "sentence"]], (found.frame[PART] == "train").to_numpy())
    assert numbers.shape[1] == overlaps.shape[1] + 2  # a pair of texts: how alike they are is told, too


def test_a_question_without_an_answer_has_no_positive(tmp_path: Path) -> None:
    lost = question("d1", "When did she die?") | {"is_impossible": True, "plausible_answers": answers("1843")}
    written(tmp_path, "2.0", lost)
    frame = squad.read(tmp_path, "sentence_v2").frame
    assert frame.groupby("question_id")["holds_answer"].sum().to_dict() == {"t1": 1, "d1": 0}
    spans = squad.read(tmp_path, "span_v2").frame
    assert [json.loads(cell) for cell in spans["answers"]] == [answers("1815"), []]


def test_spans_keep_text_and_start(tmp_path: Path) -> None:
    frame = squad.read(written(tmp_path, "1.1", question("d1", "Where?", "U.S.", "the U.S.")), "span").frame
    assert frame.columns.tolist() == ["question_id", "question", "context", "answers", PART]
    assert json.loads(frame["answers"].iloc[1]) == answers("U.S.", "the U.S.")


@pytest.mark.parametrize(
    ("answer", "accepted", "exact", "f1"),
    [
        ("The cat!", ["cat"], 1.0, 1.0),
        ("a black cat", ["the white cat", "black cats"], 0.0, 0.5),
        ("black cat sat", ["the cat"], 0.0, 0.5),
        ("dog", ["cat"], 0.0, 0.0),
        ("", [], 1.0, 1.0),
        ("cat", [], 0.0, 0.0),
        ("", ["cat"], 0.0, 0.0),
        ("the", ["The"], 1.0, 1.0),
        ("New  York", ["new york,"], 1.0, 1.0),
        ("cat cat", ["cat"], 0.0, 2 / 3),
    ],
)
def test_measures_of_the_official_script(answer: str, accepted: list[str], exact: float, f1: float) -> None:
    assert squad.exact_match(answer, accepted) == exact
    assert squad.f1(answer, accepted) == pytest.approx(f1)


def test_articles_go_only_as_words() -> None:
    assert squad.normalised("An anthem, the theatre & A.") == "anthem theatre"


def test_cut_wrong_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train-v1\.1\.json: no such file"):
        squad.read(tmp_path, "span")
    path = written(tmp_path, "1.1", question("d1", "Where?", "U.S.")) / "dev-v1.1.json"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"dev-v1\.1\.json: not whole JSON"):
        squad.read(tmp_path, "sentence")
    path.write_text('{"data": [{"title": "x"}]}')
    with pytest.raises(DataError, match="not SQuAD's layout, KeyError\\('paragraphs'\\)"):
        squad.read(tmp_path, "span")
    path.write_bytes(whole.replace(b'U.S.", "answer', b'U.K.", "answer'))
    with pytest.raises(DataError, match=r"question d1: the answer 'U.K.' is not in its context"):
        squad.read(tmp_path, "span")
    path.write_bytes(whole.replace(b'"answer_start": 74', b'"answer_start": 0'))
    with pytest.raises(DataError, match=r"question d1: the answer 'U.S.' is not at 0 in its context, but at 74"):
        squad.read(tmp_path, "sentence")
    path.write_bytes(whole.replace(b'"answer_start": 74', b'"answer_start": -1'))
    with pytest.raises(DataError, match="is not at -1"):
        squad.read(tmp_path, "sentence")
    path.write_bytes(whole.replace(b'"U.S.", "answer_start": 74', b'" U.S.", "answer_start": 72'))
    assert squad.read(tmp_path, "sentence").frame["holds_answer"].tolist() == [1, 0, 0, 0, 0, 0, 1, 0]
    path.write_text('{"data": []}')
    with pytest.raises(DataError, match="no question"):
        squad.read(tmp_path, "span")
    with pytest.raises(OptionError, match="did you mean 'span'"):
        squad.read(tmp_path, "spans")
