"""The command that serves, as a process: it answers, reads a new model on SIGHUP, ends on SIGTERM."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

import autoglm

from .conftest import Run, customers

pytest.importorskip("grpc", reason="needs the extra serve")

from autoglm.serving.store import Store


def test_a_process_answers_reloads_and_ends(model: Path, tmp_path: Path) -> None:
    place = tmp_path / "model"
    shutil.copytree(model, place)
    command = [sys.executable, "-m", "autoglm", "serve", str(place), "--http", "0", "--grpc", "-1", "--metrics", "-1"]
    command += ["--explain", "shadow", "--store", str(tmp_path / "shadow.sqlite"), "--no-drift"]
    path = os.pathsep.join([str(Path(autoglm.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path})
    try:
        assert process.stderr
        told = json.loads(process.stderr.readline())
        assert told["event"] == "serving" and told["grpc"] is None
        assert (told["settings"]["explain"], told["settings"]["drift"]) == ("shadow", False)
        row = json.loads(customers().drop(columns="churn").head(1).to_json(orient="records"))
        found = httpx.post(f"http://127.0.0.1:{told['http']}/predict", json={"rows": row})
        assert found.json()["answers"] == autoglm.load(model).predict(customers().head(1)).tolist()
        process.send_signal(signal.SIGHUP)
        again = json.loads(process.stderr.readline())
        assert (again["event"], again["version"]) == ("reloaded", told["version"])
        process.terminate()
        assert json.loads(process.stderr.readline())["event"] == "ended"
        assert process.wait(20) == 0
        store = Store(str(tmp_path / "shadow.sqlite"))
        assert len(store.answers(["key"])) + store.depth() == 1, "the shadow saw the request"
    finally:
        process.kill()
        process.wait()


def test_what_cannot_be_served_is_said_in_a_line(run: Run, model: Path, tmp_path: Path) -> None:
    done = run("serve", model, "--host", "0.0.0.0", "--http", "70000")
    assert done.code == 1 and "http=70000" in done.err and done.err.count("\n") == 1
    done = run("serve", tmp_path / "none", "--http", "0", "--grpc", "-1", "--metrics", "-1")
    assert done.code == 1 and "no folder" in done.err
