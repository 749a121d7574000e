"""A worker's jobs: whatever goes wrong becomes part of the answer."""

import json

from autoglm.engine import worker


def test_an_error_becomes_one_line_of_the_answer() -> None:
    answer = worker.answer(json.dumps({"verb": "warm", "learners": ["liner"]}))
    assert not answer["ok"] and "did you mean 'linear'" in answer["reason"] and "\n" not in answer["reason"]


def test_an_unknown_verb_is_an_answer_too() -> None:
    assert worker.answer(json.dumps({"verb": "sing"})) == {"ok": False, "reason": "KeyError: 'sing'"}


def test_warming_imports() -> None:
    assert worker.answer(json.dumps({"verb": "warm", "learners": ["constant"]})) == {"ok": True}
