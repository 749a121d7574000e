"""A worker's jobs: whatever goes wrong becomes part of the answer."""

import json

from autoglm.engine import worker


def test_an_error_becomes_one_line_of_the_answer() -> None:
    job = {"verb": "ask", "sampler": "tpee", "number": 0, "count": 1, "learners": [], "trials": [], "seed": 1}
    answer = worker.answer(json.dumps(job))
    assert not answer["ok"] and "did you mean 'tpe'" in answer["reason"] and "\n" not in answer["reason"]


def test_an_unknown_verb_is_an_answer_too() -> None:
    assert worker.answer(json.dumps({"verb": "sing"})) == {"ok": False, "reason": "KeyError: 'sing'"}
