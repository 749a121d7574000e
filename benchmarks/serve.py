"""What a served answer costs: latency and processor time of ours, beside MLServer and KServe with a model of no cost.

python benchmarks/serve.py                      # ours alone
python benchmarks/serve.py --peers mlserver,kserve

A predictor of scikit-learn's breast cancer table (30 numbers; LightGBM, XGBoost, CatBoost and linear models) is served
by `autoglm serve` in a process of its own, telemetry on. Clients hold one connection each and ask again as soon as they
are answered, always with other rows. Peers add up the 30 numbers of a request and return the sum: their line is what
the server costs without any model, ours is with the model. Processor time is that of the server's process tree.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pandas as pd
import psutil
from job import dependencies
from sklearn.datasets import load_breast_cancer

import autoglm
from autoglm.serving import messages

HERE = Path(__file__).parent
LIMITS = "Limits at concurrency 1, gRPC: predict mean 1.5, P95 3; explain mean 4, P95 8."
START = 120.0  # seconds that a server may take to answer
WARM = 50


def main() -> None:
    """Serve, ask, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--requests", type=int, default=1000, help="requests of each line")
    parser.add_argument("--concurrency", default="1,4,16")
    parser.add_argument("--seconds", type=float, default=20.0, help="of the fit")
    parser.add_argument("--peers", default="", help="mlserver,kserve: installed into environments of their own")
    parser.add_argument("--port", type=int, default=18800)
    parser.add_argument("--folder", type=Path, help="serve this predictor of the table instead of fitting one")
    told = parser.parse_args()
    frame = load_breast_cancer(as_frame=True).frame.rename(columns={"target": "y"})
    levels = [int(level) for level in told.concurrency.split(",")]
    print("| server | call | concurrency | mean ms | p50 | P95 | requests/s | CPU ms a request |")
    print("|---|---|--:|--:|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        model = told.folder or Path(folder, "model")
        if told.folder is None:
            learners = ["lightgbm", "xgboost", "catboost", "linear"]
            autoglm.AutoML(seconds=told.seconds, learners=learners).fit(frame, "y").save(model)
        with ours(model, told.port) as process:
            for call in ("gRPC predict", "gRPC explain", "HTTP predict", "HTTP explain"):
                for level in levels:
                    print(line("open-autoglm", call, level, asker(call, told.port, frame), process, told.requests))
            with beside(asker("gRPC explain", told.port, frame)):
                ask = asker("gRPC predict", told.port, frame)
                print(line("open-autoglm", "gRPC predict, others explain", 1, ask, process, told.requests))
        for peer in filter(None, told.peers.split(",")):
            with served(peer, Path(folder), told.port) as process:
                for level in levels:
                    print(
                        line(
                            peer,
                            "gRPC, no model",
                            level,
                            asker("gRPC predict", told.port, frame),
                            process,
                            told.requests,
                        )
                    )
    print(f"\n{LIMITS}")


@contextmanager
def ours(folder: Path, port: int, flags: Sequence[str] = ()) -> Iterator[psutil.Process]:
    """Our service, as a user starts it."""
    command = [sys.executable, "-m", "autoglm", "serve", str(folder), "--grpc", str(port), "--http", str(port + 1)]
    with started([*command, "--metrics", str(port + 2), *flags], port) as process:
        yield process


@contextmanager
def served(peer: str, folder: Path, port: int) -> Iterator[psutil.Process]:
    """A peer in an environment of its own."""
    script = HERE / "servers" / f"{peer}.py"
    place = Path(os.environ.get("AUTOGLM_BENCH", "~/.cache/autoglm-bench")).expanduser() / "servers" / peer
    if not (place / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        subprocess.run([place / "bin/python", "-m", "pip", "install", "-q", *dependencies(script)], check=True)
        (place / "ready").touch()
    home = folder / peer
    home.mkdir()
    with started([str(place / "bin/python"), "-P", str(script.resolve()), str(home), str(port)], port) as process:
        yield process


@contextmanager
def started(command: list[str], port: int) -> Iterator[psutil.Process]:
    """A server's process, once it answers."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            until = time.monotonic() + START
            while time.monotonic() < until and process.poll() is None:
                try:
                    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                        ask = method(channel, "ModelReady", "ModelReadyRequest", "ModelReadyResponse")
                        if ask(messages.message("ModelReadyRequest")(name="model"), timeout=2).ready:
                            break
                except grpc.RpcError:
                    time.sleep(0.2)
            else:
                log.seek(0)
                raise SystemExit(f"{command} does not answer: {log.read()[-2000:].decode(errors='replace')}")
            yield psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(20)


def method(channel: Any, name: str, request: str, response: str) -> Any:
    return channel.unary_unary(
        f"/inference.GRPCInferenceService/{name}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=messages.message(response).FromString,
    )


Asker = Callable[[], Callable[[int], None]]


def asker(call: str, port: int, frame: pd.DataFrame) -> Asker:
    """What opens a connection and returns how to ask for row i over it."""
    protocol, what = call.split()
    columns = [name for name in frame.columns if name != "y"]
    if protocol == "HTTP":
        bodies = [{"rows": [row]} for row in frame[columns].to_dict("records")]

        def open_http() -> Callable[[int], None]:
            client = httpx.Client(base_url=f"http://127.0.0.1:{port + 1}")

            def ask(i: int) -> None:
                client.post(f"/{what}", json=bodies[i % len(bodies)]).raise_for_status()

            return ask

        return open_http
    requests = [request(what, columns, row) for row in frame[columns].to_numpy(np.float64)]

    def open_grpc() -> Callable[[int], None]:
        options = [("grpc.use_local_subchannel_pool", 1)]
        send = method(
            grpc.insecure_channel(f"127.0.0.1:{port}", options), "ModelInfer", "ModelInferRequest", "ModelInferResponse"
        )
        return lambda i: send(requests[i % len(requests)], timeout=30) and None

    return open_grpc


def request(what: str, columns: list[str], row: Any) -> Any:
    found = messages.message("ModelInferRequest")(model_name="model" if what == "predict" else "model:explain")
    for name, value in zip(columns, row, strict=True):
        tensor = found.inputs.add(name=name, datatype="FP64", shape=[1])
        tensor.contents.fp64_contents.append(value)
    return found


def line(server: str, call: str, level: int, asker: Asker, process: psutil.Process, requests: int) -> str:
    """Ask from several threads; one line of the table."""
    asks = [asker() for _ in range(level)]
    for ask in asks:
        for i in range(WARM // level + 1):
            ask(i)
    taken: list[float] = []
    before, began = processor(process), time.perf_counter()

    def client(ask: Callable[[int], None], first: int) -> None:
        for i in range(first, requests, level):
            started = time.perf_counter()
            ask(i)
            taken.append(1000 * (time.perf_counter() - started))

    threads = [threading.Thread(target=client, args=(ask, k)) for k, ask in enumerate(asks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall, cpu = time.perf_counter() - began, processor(process) - before
    last = statistics.quantiles(taken, n=20)[-1]
    cells = f"{statistics.mean(taken):.2f} | {statistics.median(taken):.2f} | {last:.2f} | {len(taken) / wall:.0f}"
    return f"| {server} | {call} | {level} | {cells} | {1000 * cpu / len(taken):.2f} |"


@contextmanager
def beside(asker: Asker) -> Iterator[None]:
    """A client that asks all the time while something else is measured."""
    ended, ask = threading.Event(), asker()

    def client() -> None:
        i = 0
        while not ended.is_set():
            ask(i := i + 1)

    thread = threading.Thread(target=client)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def processor(process: psutil.Process) -> float:
    """CPU seconds of a process and those below it."""
    times = [p.cpu_times() for p in [process, *process.children(recursive=True)]]
    return sum(t.user + t.system for t in times)


if __name__ == "__main__":
    main()
