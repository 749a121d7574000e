"""Chaos: a service under load and workers on jobs, while workers and brokers are killed, models change, disks fill up.

python benchmarks/soak.py                       # ten minutes
python benchmarks/soak.py --hours 72            # says how many hours it really ran

A service answers rows all the time, and gets another model again and again; every answer is compared with the offline
answer of the model that it names. Meanwhile each queue in turn (a file on a small disk, Redis, NATS, RabbitMQ) gets
jobs, which two `autoglm jobs work` do; workers are killed (SIGKILL) at random moments, brokers are killed or stopped
and come back, the disk below the file is full for a while. In the end every accepted job must be done, once, with the
bytes of a calm run. The exit code is 1 where one is not, or an answer was wrong or missing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import daemons
import httpx
import numpy as np
import pandas as pd
import psutil
from numpy.typing import NDArray
from scipy import stats
from sklearn.datasets import load_wine
from stamina.instrumentation import set_on_retry_hooks

import autoglm
from autoglm.bundle import version_of
from autoglm.kit import letters as kit
from autoglm.kit.letters import LetterError
from autoglm.serving import jobs

SOURCE = Path(autoglm.__file__).parents[1]
ROWS = 12_000  # of a job: three parts
WORKERS, CLIENTS = 2, 2
AWAY = 2.0  # seconds for which a broker is away, or a disk full
DRAIN = 180.0  # seconds in which workers that live must do what is left
DISK = "6m"
WARM = 0.2  # the share of the memory's readings that is left out
DONE = re.compile(r"job (\w+): done")


def main() -> int:
    """Run, print, return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--hours", type=float, help="instead of minutes")
    parser.add_argument("--kills", type=int, help="of workers, in all  [default: 11 a minute]")
    parser.add_argument("--queues", default=",".join(QUEUES), help="those whose server is missing are left out")
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    _enter_own_mounts()
    seconds = 3600 * told.hours if told.hours else 60 * told.minutes
    kills = told.kills or max(1, round(seconds / 60 * 11))
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        report = soak(Path(folder), seconds, kills, told.queues.split(","), random.Random(told.seed))
    print(table(report, (time.monotonic() - began) / 3600))
    return 0 if report.good else 1


@dataclass
class Served:
    """What a service answered under load."""

    answers: int = 0
    wrong: int = 0
    missing: int = 0
    reloads: int = 0
    first: str = ""  # what was wrong first
    memory: list[tuple[float, float]] = field(default_factory=list)  # seconds, bytes


@dataclass
class Worked:
    """What became of a queue's jobs."""

    queue: str
    accepted: int = 0
    refused: int = 0
    kills: int = 0
    outages: int = 0
    replayed: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: int = 0

    @property
    def good(self) -> bool:
        """Whether every accepted job was done, once, and right."""
        return self.accepted > 0 and not (self.lost or self.doubled or self.wrong)


@dataclass
class Report:
    """All that was counted."""

    served: Served
    worked: list[Worked]
    left_out: dict[str, str]

    @property
    def good(self) -> bool:
        """Whether nothing was lost or wrong."""
        return (
            self.served.answers > 0
            and not (self.served.wrong or self.served.missing)
            and all(worked.good for worked in self.worked)
        )


def table(report: Report, hours: float) -> str:
    """Return the report as Markdown."""
    served = report.served
    slope, low, high = growth(served.memory)
    lines = [
        f"Really run: {hours:.3f} hours.",
        "",
        "| queue | accepted | refused | kills of workers | outages | dead, sent again | lost | doubled | wrong |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
        *(
            f"| {w.queue} | {w.accepted} | {w.refused} | {w.kills} | {w.outages} | {w.replayed} | {w.lost} | "
            f"{w.doubled} | {w.wrong} |"
            for w in report.worked
        ),
        *(f"| {queue} | left out: {why} | | | | | | | |" for queue, why in report.left_out.items()),
        "",
        "| service | |",
        "|---|--:|",
        f"| answers | {served.answers:,} |",
        f"| wrong | {served.wrong:,} |",
        f"| missing | {served.missing:,} |",
        f"| models taken over | {served.reloads:,} |",
        f"| memory, MB at the end | {served.memory[-1][1] / 1e6 if served.memory else 0:.0f} |",
        f"| memory, MB an hour [95 %] | {slope:+.1f} [{low:+.1f}, {high:+.1f}] |",
    ]
    if served.first:
        lines += ["", f"First fault: {served.first}"]
    return "\n".join([*lines, "", "Nothing lost, nothing wrong." if report.good else "SOMETHING WAS LOST OR WRONG."])


def growth(memory: Sequence[tuple[float, float]], blocks: int = 10) -> tuple[float, float, float]:
    """Return the slope of memory in MB an hour, with its 95 % interval.

    A line through the means of blocks: neighbouring readings say nearly the same, means of blocks hardly.
    """
    kept = np.array(memory[int(WARM * len(memory)) :], dtype=float)
    if len(kept) < 2 * blocks:
        return float("nan"), float("nan"), float("nan")
    means = np.array([part.mean(axis=0) for part in np.array_split(kept, blocks)])
    found = stats.linregress(means[:, 0] / 3600, means[:, 1] / 1e6)
    spread = found.stderr * stats.t.ppf(0.975, blocks - 2)
    return found.slope, found.slope - spread, found.slope + spread


def soak(folder: Path, seconds: float, kills: int, queues: Sequence[str], draw: random.Random) -> Report:
    """Run everything."""
    set_on_retry_hooks([])  # what is tried again is counted, not printed
    frame = load_wine(as_frame=True).frame.rename(columns={"target": "kind"})
    frame["kind"] = frame["kind"].map({0: "barolo", 1: "grignolino", 2: "barbera"})
    fits = [{"learners": ["linear", "lightgbm"]}, {"learners": ["linear"], "seed": 7}]
    models = [autoglm.AutoML(work=4, threads=1, search="none", **fit).fit(frame, "kind") for fit in fits]
    calm = Calm.of(folder, models[0], frame)
    served, worked, left_out = Served(), [], {}
    with ExitStack() as stack:
        chosen: dict[str, Queue] = {}
        for name in queues:
            try:
                chosen[name] = stack.enter_context(QUEUES[name](folder / name))
            except (daemons.MissingProgramError, OSError, subprocess.CalledProcessError) as error:
                left_out[name] = str(error)
        stack.enter_context(under_load(folder, models, frame, served))
        for name, queue in chosen.items():
            share = len(chosen)
            worked.append(chaos(name, queue, calm, seconds / share, -(-kills // share), draw))
    return Report(served, worked, left_out)


@dataclass
class Queue:
    """A queue, and how it goes away and comes back."""

    url: str
    folder: Path
    leave: Callable[[], None]
    come: Callable[[], None]


@contextmanager
def file_queue(folder: Path) -> Iterator[Queue]:
    """A file on a disk of its own, which is full at times."""
    disk, ballast = folder / "disk", folder / "disk" / "ballast"
    disk.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", disk], check=True, capture_output=True)
    try:
        yield Queue(str(disk / "jobs.sqlite"), folder, lambda: _fill(ballast), lambda: ballast.unlink(missing_ok=True))
    finally:
        subprocess.run(["umount", "-l", disk], check=False)


def _fill(ballast: Path) -> None:
    with open(ballast, "wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return


def broker_queue(name: str) -> Callable[[Path], Any]:
    """Return what starts a broker that is killed, or stopped, in turns."""

    @contextmanager
    def started(folder: Path) -> Iterator[Queue]:
        folder.mkdir(parents=True)
        server, url = daemons.BROKERS[name](folder)
        ways = [server.kill, server.stop]

        def leave() -> None:
            ways.reverse()
            ways[1]()

        server.start()
        try:
            yield Queue(url, folder, leave, lambda: None if server.process else server.start() and None)
        finally:
            server.kill()

    return started


QUEUES: dict[str, Callable[[Path], Any]] = {
    "file": file_queue,
    "redis": broker_queue("redis"),
    "nats": broker_queue("nats"),
    "rabbitmq": broker_queue("rabbitmq"),
}


@dataclass(frozen=True)
class Calm:
    """A job, and the bytes of its answers."""

    folder: Path
    rows: Path
    answers: bytes

    @classmethod
    def of(cls, folder: Path, model: autoglm.Predictor, frame: pd.DataFrame) -> Calm:
        """Do the job where nothing happens."""
        place, rows, out = model.save(folder / "fixed"), folder / "rows.csv", folder / "calm.csv"
        many = frame.drop(columns="kind").sample(ROWS, replace=True, random_state=1)
        many.to_csv(rows, index=False)
        jobs.run({"folder": str(place), "rows": str(rows), "out": str(out), "explain": False}, lambda: True)
        return cls(place, rows, out.read_bytes())


def chaos(name: str, queue: Queue, calm: Calm, seconds: float, kills: int, draw: random.Random) -> Worked:
    """Give a queue jobs while its workers die and it goes away; count what became of them."""
    found, accepted, ended = Worked(name), {}, threading.Event()
    outs = queue.folder / "answers"
    outs.mkdir()
    producer = threading.Thread(target=_produce, args=(queue, calm, outs, accepted, found, ended), daemon=True)
    workers = Workers(queue)
    until = time.monotonic() + seconds
    try:
        producer.start()
        pauses = {"kill": seconds / kills, "outage": max(6.0, seconds / 6)}
        following = {what: time.monotonic() + draw.uniform(0.5, 1.5) * pause for what, pause in pauses.items()}
        back = None
        while time.monotonic() < until:
            workers.keep()
            now = time.monotonic()
            if now > following["kill"] and workers.kill(draw):
                found.kills += 1
                following["kill"] += draw.uniform(0.5, 1.5) * pauses["kill"]
            if back is None and now > following["outage"]:
                queue.leave()
                found.outages += 1
                back, following["outage"] = now + AWAY, now + draw.uniform(0.5, 1.5) * pauses["outage"]
            if back is not None and now > back:
                queue.come()
                back = None
            time.sleep(0.02)
        queue.come()
        ended.set()
        producer.join(60)
        found.replayed = _drain(queue, workers)
    finally:
        ended.set()
        workers.end()
    found.accepted = len(accepted)
    found.lost = sum(not out.exists() for out in accepted.values())
    found.wrong = sum(out.exists() and out.read_bytes() != calm.answers for out in accepted.values())
    found.doubled = workers.doubled()
    return found


def _produce(
    queue: Queue, calm: Calm, outs: Path, accepted: dict[str, Path], found: Worked, ended: threading.Event
) -> None:
    letters, number = None, 0
    while not ended.wait(0.1):
        number += 1
        out = outs / f"{number}.csv"
        try:
            letters = letters or kit.opened(queue.url)
            if letters.counts().waiting < 3 * WORKERS:
                accepted[jobs.put(letters, calm.folder, calm.rows, out)] = out
        except LetterError:
            found.refused += 1


def _drain(queue: Queue, workers: Workers) -> int:
    """Let workers that live do what is left; return how many dead letters had to be sent again."""
    letters, replayed, until = kit.opened(queue.url), 0, time.monotonic() + DRAIN
    while time.monotonic() < until:
        workers.keep()
        for letter in letters.dead():
            letters.retry(letter.id)
            replayed += 1
        if letters.counts() == (0, 0):
            break
        time.sleep(0.2)
    letters.close()
    return replayed


class Workers:
    """Processes that do jobs, started again when they are killed."""

    def __init__(self, queue: Queue) -> None:
        self._queue, self._logs = queue, 0
        self._alive: list[tuple[subprocess.Popen[bytes], Path]] = []

    def keep(self) -> None:
        """See that there are enough."""
        self._alive = [(process, log) for process, log in self._alive if process.poll() is None]
        while len(self._alive) < WORKERS:
            self._logs += 1
            path = self._queue.folder / f"worker-{self._logs}.log"
            with open(path, "wb") as log:
                words = ("jobs", "work", "--queue", self._queue.url, "--visibility", "5")
                self._alive.append((ours(*words, log=log), path))

    def kill(self, draw: random.Random) -> bool:
        """Kill one that has begun; False where there is none."""
        begun = [process for process, log in self._alive if b"ready" in log.read_bytes()]
        if not begun:
            return False
        draw.choice(begun).kill()
        return True

    def end(self) -> None:
        """End all."""
        for process, _ in self._alive:
            process.terminate()
        for process, _ in self._alive:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def doubled(self) -> int:
        """Return how many jobs were said to be done more than once."""
        said = [DONE.findall(log.read_text(errors="replace")) for log in self._queue.folder.glob("worker-*.log")]
        done = [job for jobs_ in said for job in jobs_]
        return len(done) - len(set(done))


def ours(*words: object, log: Any) -> subprocess.Popen[bytes]:
    """Start a command of ours."""
    path = os.pathsep.join([str(SOURCE), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "autoglm", *map(str, words)]
    return subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"PYTHONPATH": path})


@contextmanager
def under_load(
    folder: Path, models: Sequence[autoglm.Predictor], frame: pd.DataFrame, served: Served
) -> Iterator[None]:
    """A service that is asked, watched, and given other models."""
    place, ended = folder / "served", threading.Event()
    models[0].save(place)
    rows = frame.drop(columns="kind")
    offline = {version_of(m.folder): (m.predict(rows).to_numpy(), m.predict_proba(rows)) for m in models}
    with open(folder / "service.log", "wb") as log:
        process = ours("serve", place, "--http", 0, "--grpc", -1, "--metrics", -1, log=log)
    try:
        port = _port(folder / "service.log", process)
        threads = [
            threading.Thread(target=_ask, args=(port, rows, offline, served, ended, seed)) for seed in range(CLIENTS)
        ]
        threads.append(threading.Thread(target=_reload, args=(models, place, process, ended)))
        threads.append(threading.Thread(target=_watch, args=(process, served, ended)))
        for thread in threads:
            thread.start()
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join(60)
        process.terminate()
        process.wait(30)
    served.reloads = (folder / "service.log").read_text().count('"reloaded"')


def _port(log: Path, process: subprocess.Popen[bytes]) -> int:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        lines = log.read_text().splitlines()
        if lines and lines[0].endswith("}"):
            return int(json.loads(lines[0])["http"])
        time.sleep(0.1)
    raise RuntimeError(f"the service did not start: {log.read_text()}")


def _ask(
    port: int,
    rows: pd.DataFrame,
    offline: dict[str, tuple[NDArray[Any], pd.DataFrame]],
    served: Served,
    ended: threading.Event,
    seed: int,
) -> None:
    """Ask for random rows, and hold each answer against the offline one of the model that it names."""
    draw, said = random.Random(seed), rows.to_dict("records")
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        while not ended.wait(0.02):
            chosen = draw.sample(range(len(said)), draw.randint(1, 8))
            try:
                answer = client.post("/predict", json={"rows": [said[i] for i in chosen]})
                answer.raise_for_status()
            except httpx.HTTPError as error:
                served.missing += 1
                served.first = served.first or f"{error!r}"
                continue
            told = answer.json()
            served.answers += 1
            if not _right(told, offline.get(told["version"]), chosen):
                served.wrong += 1
                served.first = served.first or f"version {told['version']}: {told}"


def _right(told: dict[str, Any], known: tuple[NDArray[Any], pd.DataFrame] | None, chosen: list[int]) -> bool:
    if known is None or told["answers"] != known[0][chosen].tolist():
        return False
    offline = known[1][told["classes"]].to_numpy()[chosen]
    return np.allclose(told["probabilities"], offline, rtol=0, atol=1e-9)


def _reload(
    models: Sequence[autoglm.Predictor], place: Path, process: subprocess.Popen[bytes], ended: threading.Event
) -> None:
    """Give the service the other model, again and again; every third time tell it so."""
    turn = 0
    while not ended.wait(4.0):
        turn += 1
        models[turn % len(models)].save(place)
        if turn % 3 == 0:
            process.send_signal(signal.SIGHUP)


def _watch(process: subprocess.Popen[bytes], served: Served, ended: threading.Event) -> None:
    watched = psutil.Process(process.pid)
    while not ended.wait(1.0):
        served.memory.append((time.monotonic(), float(watched.memory_info().rss)))


def _enter_own_mounts() -> None:
    """Run again where mounts are this process's own and end with it; where that is forbidden, go on without."""
    inside = "SOAK_INSIDE"
    if os.environ.get(inside) or shutil.which("unshare") is None:
        return
    words = ["unshare", "--map-root-user", "--mount"]
    if subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0:
        os.execvpe("unshare", [*words, sys.executable, *sys.argv], os.environ | {inside: "1"})


if __name__ == "__main__":
    sys.exit(main())
