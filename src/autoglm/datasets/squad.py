"""SQuAD: questions on Wikipedia paragraphs, as choice of the sentence with the answer, or as the answer itself."""

from __future__ import annotations

import json
import re
import string
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from autoglm.core.dataset import PART, Archive, Card, Dataset
from autoglm.core.errors import DataError, OptionError, nearest

_END = re.compile(r"(?<=[.!?])[\"'”’)\]]*\s+(?=[\"'“‘(\[]*[A-Z0-9])|\n+")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'])(?:[A-Z]|Mr|Mrs|Ms|Dr|St|Sts|Mt|Jr|Sr|Prof|Gen|Col|Lt|Sgt|Capt|Gov|Sen|Rep|Rev|Hon|No|Nos|Vol|vs|cf|ca|"
    r"c|ed|eds|etc|e\.g|i\.e|al|fl|approx|(?:[A-Za-z]\.)+[A-Za-z])\.$"
)
SLACK = 2
"""Characters by which an answer may stand beside its stated place: published files count stray white space."""

_ARTICLE = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_HOST = "https://rajpurkar.github.io/SQuAD-explorer/dataset"
_MD5 = {
    "train-v1.1.json": "981b29407e0affa3b1b156f72073b945",
    "dev-v1.1.json": "3e85deb501d4e538b6bc56f786231552",
    "train-v2.0.json": "62108c273c268d70893182d5cf8df740",
    "dev-v2.0.json": "246adae8b7002f8679c027697b0b7cf8",
}
_SENTENCE = (
    "Not an official task: a row is a question and one sentence of its paragraph. Sentences are cut by a simple rule "
    "(see `sentences`). question_id groups the rows of a question; it is no feature."
)
_SPAN = (
    "Extractive: the target is the JSON list of the accepted answers, each with its first character in the context; an "
    "empty list means that there is none. No classifier answers it as it stands: score texts with `exact_match` and "
    "`f1`."
)


def _card(name: str, title: str, metric: str, target: str, version: str, note: str) -> Card:
    files = (f"train-v{version}.json", f"dev-v{version}.json")
    counts = {"1.1": "87,599 training, 10,570 development", "2.0": "130,319 training, 11,873 development"}
    return Card(
        name=name,
        title=title,
        modality="text",
        kind="binary" if target == "holds_answer" else "multiclass",
        target=target,
        metric=metric,
        split="official",
        folder="squad",
        source="https://rajpurkar.github.io/SQuAD-explorer/",
        licence="CC BY-SA 4.0",
        citation="Rajpurkar et al. (2016): SQuAD. EMNLP"
        if version == "1.1"
        else "Rajpurkar, Jia & Liang (2018): Know What You Don't Know. ACL",
        size=f"{counts[version]} questions",
        archives=tuple(
            Archive(f"{_HOST}/{file}", f"md5:{_MD5[file]}", "torchtext, torchtext/datasets/squad1.py and squad2.py")
            for file in files
        ),
        groups="question_id",
        note=f"{note} The official test set is not public: the development file is the test part here.",
    )


CARDS = {
    "sentence": _card(
        "squad/sentence",
        "SQuAD 1.1: does the sentence hold the answer?",
        "average_precision",
        "holds_answer",
        "1.1",
        _SENTENCE,
    ),
    "span": _card("squad/span", "SQuAD 1.1: the answer's own words", "f1", "answers", "1.1", _SPAN),
    "sentence_v2": _card(
        "squad/sentence_v2",
        "SQuAD 2.0: does the sentence hold the answer, if there is one?",
        "average_precision",
        "holds_answer",
        "2.0",
        f"{_SENTENCE} Questions without an answer have no positive row.",
    ),
    "span_v2": _card("squad/span_v2", "SQuAD 2.0: the answer's own words, or none", "f1", "answers", "2.0", _SPAN),
}


def read(folder: Path, task: str) -> Dataset:
    """Read ``train-v1.1.json`` and ``dev-v1.1.json`` (``v2.0`` for the tasks that end in ``_v2``).

    Raises
    ------
    DataError
        A file is missing, cut off, not SQuAD's JSON, or places an answer where the context does not have it.
    OptionError
        No such task.
    """
    if task not in CARDS:
        raise OptionError(f"squad has no task {task!r}{nearest(task, CARDS)} (known: {', '.join(CARDS)})")
    version = "v2.0" if task.endswith("_v2") else "v1.1"
    rows = _sentence_rows if task.startswith("sentence") else _span_rows
    frames = []
    for part, name in (("train", "train"), ("test", "dev")):
        found = list(rows(folder / f"{name}-{version}.json"))
        if not found:
            raise DataError(f"{folder / f'{name}-{version}.json'}: no question in it")
        frames.append(pd.DataFrame(found).assign(**{PART: part}))
    return Dataset(CARDS[task], pd.concat(frames, ignore_index=True), folder)


def sentences(text: str) -> list[tuple[int, str]]:
    """Cut a text into sentences.

    One ends at a line break, and at ``.``, ``!`` or ``?`` (and closing marks) before white space and a capital letter
    or a digit, unless the word before is a single letter or one of a few abbreviations (Mr., Dr., St., e.g.).

    Returns
    -------
    list
        (position of the first character, sentence).

    Examples
    --------
    >>> sentences("It was Dr. Who. He left.")
    [(0, 'It was Dr. Who.'), (16, 'He left.')]
    """
    found, start = [], 0
    for end in _END.finditer(text):
        if end[0][0] != "\n" and _ABBREVIATION.search(text[start : end.start()]):
            continue
        found.append((start, text[start : end.end()]))
        start = end.end()
    found.append((start, text[start:]))
    stripped = [(at + len(part) - len(part.lstrip()), part.strip()) for at, part in found]
    return [(at, part) for at, part in stripped if part]


def normalised(answer: str) -> str:
    """Return an answer as SQuAD compares it: lower case, no punctuation, no a, an, the, single spaces."""
    return " ".join(_ARTICLE.sub(" ", answer.lower().translate(_PUNCTUATION)).split())


def exact_match(answer: str, accepted: Sequence[str]) -> float:
    """Return 1.0 where a normalised answer equals one of those accepted, else 0.0.

    As in SQuAD's evaluation script 2.0: with nothing accepted, the right answer is the empty text.
    """
    return float(any(normalised(answer) == normalised(truth) for truth in _truths(accepted)))


def f1(answer: str, accepted: Sequence[str]) -> float:
    """Return the best F1 of the words of an answer against those accepted, as in SQuAD's evaluation script 2.0.

    Where answer or truth has no word left, it is 1.0 if both have none, else 0.0.
    """
    return max(_overlap(normalised(answer).split(), normalised(truth).split()) for truth in _truths(accepted))


def _truths(accepted: Sequence[str]) -> list[str]:
    return [truth for truth in accepted if normalised(truth)] or [""]


def _overlap(answer: list[str], truth: list[str]) -> float:
    if not answer or not truth:
        return float(answer == truth)
    same = sum((Counter(answer) & Counter(truth)).values())
    return 2 * same / (len(answer) + len(truth))


def _sentence_rows(path: Path) -> Iterator[dict[str, Any]]:
    for context, questions in _paragraphs(path):
        cut = sentences(context)
        starts = [at for at, _ in cut]
        for question in questions:
            held = {max(0, bisect_right(starts, answer["answer_start"]) - 1) for answer in question["answers"]}
            for i, (_, sentence) in enumerate(cut):
                yield {
                    "question_id": question["id"],
                    "question": question["question"],
                    "sentence": sentence,
                    "holds_answer": int(i in held),
                }


def _span_rows(path: Path) -> Iterator[dict[str, Any]]:
    for context, questions in _paragraphs(path):
        for question in questions:
            yield {
                "question_id": question["id"],
                "question": question["question"],
                "context": context,
                "answers": json.dumps(question["answers"], ensure_ascii=False),
            }


def _paragraphs(path: Path) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield each context with its questions: id, question, and answers with text and answer_start."""
    if not path.is_file():
        raise DataError(f"{path}: no such file; expected SQuAD's JSON by its official name")
    try:
        articles = json.loads(path.read_text(encoding="utf-8"))["data"]
        for article in articles:
            for paragraph in article["paragraphs"]:
                yield paragraph["context"], [_question(q, paragraph["context"], path) for q in paragraph["qas"]]
    except json.JSONDecodeError as error:
        raise DataError(f"{path}: not whole JSON ({error}); download it anew") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text ({error.reason}); download it anew") from None
    except (KeyError, TypeError) as error:
        raise DataError(f"{path}: not SQuAD's layout, {error!r}; expected data, paragraphs, qas, answers") from None


def _question(raw: dict[str, Any], context: str, path: Path) -> dict[str, Any]:
    answers = [{"text": a["text"], "answer_start": a["answer_start"]} for a in raw["answers"]]
    lost = [a["text"] for a in answers if a["text"] not in context]
    if lost:
        raise DataError(
            f"{path}, question {raw['id']}: the answer {lost[0]!r} is not in its context; was the file changed?"
        )
    for text, start in (answer.values() for answer in answers):
        if not _stands_at(context, text.strip(), start):
            raise DataError(
                f"{path}, question {raw['id']}: the answer {text!r} is not at {start} in its context, but at "
                f"{context.index(text)}; was the file changed?"
            )
    return {"id": raw["id"], "question": raw["question"], "answers": answers}


def _stands_at(context: str, answer: str, start: int) -> bool:
    """Whether an answer starts within `SLACK` characters of where it is said to."""
    return start >= 0 and context.find(answer, max(0, start - SLACK), start + SLACK + len(answer)) >= 0
