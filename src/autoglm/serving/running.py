"""A service that runs: both protocols and the meters listen, signals reload and drain it."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import threading
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import Any

import uvicorn

from autoglm.core.errors import AutoGLMError
from autoglm.kit.meters import Meters
from autoglm.kit.push import Pusher
from autoglm.kit.settings import Change, ServeSettings, Source, masked
from autoglm.kit.traces import Traces
from autoglm.serving import grpc, http
from autoglm.serving.refusal import Reason, Refusal
from autoglm.serving.service import Service

LOOK = 1.0  # seconds between two looks at the folder


class Running:
    """A service with its servers; use as a context manager.

    Parameters
    ----------
    folder
        A saved predictor.
    settings
        What it is told.
    log
        See `autoglm.kit.logs.logger`.
    observers
        Who looks on.
    source
        Where settings are read again on a wish to reload; None: they stay.

    Attributes
    ----------
    http, grpc, metrics
        The ports that are listened on; None where closed.

    Raises
    ------
    FolderError
        The folder is missing or damaged.
    Refusal
        A port cannot be listened on.
    """

    def __init__(
        self, folder: Path, settings: ServeSettings, log: Any, observers: Any = (), source: Source | None = None
    ) -> None:
        self.settings, self.log, self._source = settings, log, source
        meters = Meters()
        self.service = Service(folder, settings, meters, Traces(settings.otlp, f"autoglm-{settings.name}"), observers)
        self.http: int | None = None
        self.grpc: int | None = None
        self.metrics: int | None = None
        self._web: uvicorn.Server | None = None
        self._web_thread: threading.Thread | None = None
        self._rpc: Any = None
        self._meters_server: Any = None
        self._pushing = ExitStack()
        self._ended = threading.Event()
        self._reload = threading.Event()

    def __enter__(self) -> Running:
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        threading.Thread(target=self._watch, name="watch", daemon=True).start()
        ports = {"http": self.http, "grpc": self.grpc, "metrics": self.metrics}
        self.log.info("serving", version=self.service.model.version, **ports, settings=masked(self.settings))
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _start(self) -> None:
        _check_certificates(self.settings)
        if self.settings.grpc >= 0:
            self._rpc, self.grpc = grpc.serve(self.service, self.log)
        if self.settings.http >= 0:
            self._serve_http()
        if self.settings.metrics >= 0:
            from prometheus_client import start_http_server

            try:
                server, _ = start_http_server(
                    self.settings.metrics, self.settings.host, registry=self.service.meters.registry
                )
            except OSError as error:
                raise _in_use("metrics", self.settings.host, self.settings.metrics, error) from error
            self._meters_server, self.metrics = server, server.server_port
        if self.settings.push:
            instance = f"{socket.gethostname()}:{os.getpid()}"
            pusher = Pusher(self.settings.push, self.service.meters.registry, "autoglm", instance)
            self._pushing.enter_context(pusher)

    def _serve_http(self) -> None:
        family = socket.AF_INET6 if ":" in self.settings.host else socket.AF_INET
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self.settings.host, self.settings.http))
        except OSError as error:
            listener.close()
            raise _in_use("http", self.settings.host, self.settings.http, error) from error
        self.http = listener.getsockname()[1]
        config = uvicorn.Config(
            http.app(self.service, self.log),
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=max(1, int(self.settings.drain)),
            server_header=False,
            h11_max_incomplete_event_size=2**16,
            ssl_certfile=self.settings.certificate,
            ssl_keyfile=self.settings.key,
            ssl_ca_certs=str(self.settings.clients) if self.settings.clients else None,
            ssl_cert_reqs=ssl.CERT_REQUIRED if self.settings.clients else ssl.CERT_NONE,
        )
        self._web = uvicorn.Server(config)
        self._web_thread = threading.Thread(target=self._web.run, args=([listener],), name="http", daemon=True)
        self._web_thread.start()
        until = monotonic() + 10
        while not self._web.started and self._web_thread.is_alive() and monotonic() < until:
            self._ended.wait(0.01)
        if not self._web.started:
            raise Refusal(Reason.UNAVAILABLE, "http: the server did not start; the lines above say why")

    def reload(self) -> None:
        """Read settings and folder again soon; the model that answers now goes on where that fails."""
        self._reload.set()

    def wait(self) -> None:
        """Return when `end` was called."""
        while not self._ended.wait(1.0):
            pass

    def end(self) -> None:
        """Make `wait` return."""
        self._ended.set()

    def signals(self) -> None:
        """SIGHUP reloads, SIGTERM and SIGINT drain and end; for the main thread."""
        signal.signal(signal.SIGHUP, lambda *_: self.reload())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.end())

    def close(self) -> None:
        """Take no more requests, finish those in flight, close."""
        self._ended.set()
        self.service.ready = False
        stopping = self._rpc.stop(self.settings.drain) if self._rpc is not None else None
        if self._web is not None:
            self._web.should_exit = True
        until = monotonic() + self.settings.drain
        if stopping is not None:
            stopping.wait(max(0.0, until - monotonic()))
        if self._web_thread is not None:
            self._web_thread.join(max(0.1, until - monotonic()))
        if self._meters_server is not None:
            self._meters_server.shutdown()
            self._meters_server.server_close()
        self._pushing.close()
        self.service.close()
        self.log.info("ended")

    def _watch(self) -> None:
        """Look for a new model in the folder, and for a wish to reload."""
        while not self._ended.is_set():
            asked = self._reload.wait(LOOK)
            if self._ended.is_set() or not (asked or self.service.changed()):
                continue
            self._reload.clear()
            if asked:
                self._read_settings()
            try:
                self.log.info("reloaded", version=self.service.reload())
            except AutoGLMError as error:
                self.log.error("not reloaded: the model that answers goes on", reason=str(error))
                self._reload.wait(10 * LOOK)

    def _read_settings(self) -> None:
        """Take over what other settings may change at once, and name what needs a restart."""
        if self._source is None:
            return
        try:
            change = Change.of(self.settings, self._source.read())
        except AutoGLMError as error:
            self.log.error("settings not read again: those of before go on", reason=str(error))
            return
        self.settings = self.service.settings = change.settings
        if change.taken or change.restart:
            self.log.info("settings read again", taken=change.taken, restart_needed=list(change.restart))


def _check_certificates(settings: ServeSettings) -> None:
    """Refuse certificates that cannot be read before a server listens."""
    if settings.certificate is None or settings.key is None:
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    told = f"certificate {str(settings.certificate)!r} with key {str(settings.key)!r}"
    try:
        context.load_cert_chain(settings.certificate, settings.key)
        if settings.clients is not None:
            told = f"clients {str(settings.clients)!r}"
            context.load_verify_locations(settings.clients)
    except OSError as error:
        why = error.strerror or error
        raise Refusal(Reason.UNAVAILABLE, f"{told}: {why}: expected PEM files, the key without a password") from error


def _in_use(what: str, host: str, port: int, error: OSError) -> Refusal:
    words = f"{what}: cannot listen on {host}:{port}: {error.strerror or error}; --{what} names another port"
    return Refusal(Reason.UNAVAILABLE, words)
