"""Push meters to a Prometheus Pushgateway: for batch jobs and machines that nobody can scrape."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import TYPE_CHECKING

from autoglm.core.errors import MissingExtraError

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

logger = logging.getLogger(__name__)


class Pusher:
    """Push a registry from a thread of its own while the context is open, and delete its series afterwards.

    A gateway that is down is warned of once and tried again; the caller never notices. The gateway itself adds
    ``push_time_seconds``, the time of the last push: alert on its age, for a gateway never forgets a series.

    Parameters
    ----------
    url
        Of the gateway, as ``http://host:9091``.
    registry
        What is pushed.
    job, instance
        Under which labels.
    every
        Seconds between two pushes.
    timeout
        Seconds for one push.

    Raises
    ------
    MissingExtraError
        ``prometheus-client`` is not installed; the message carries the pip line that cures it.
    """

    def __init__(
        self,
        url: str,
        registry: CollectorRegistry,
        job: str,
        instance: str,
        *,
        every: float = 10.0,
        timeout: float = 5.0,
    ) -> None:
        try:
            import prometheus_client
        except ImportError as error:
            raise MissingExtraError("prometheus-client is not installed: pip install 'open-autoglm[serve]'") from error
        self._client, self.url, self.registry, self.job = prometheus_client, url, registry, job
        self.instance, self.every, self.timeout = instance, every, timeout
        self._stop, self._down = threading.Event(), False
        self._thread = threading.Thread(target=self._run, name="pusher", daemon=True)

    def __enter__(self) -> Pusher:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(self.timeout + 1)
        try:
            self._client.delete_from_gateway(self.url, self.job, self._labels, self.timeout)
        except Exception as failure:  # whatever a gateway does is no reason to end the caller
            logger.warning("Pushgateway %s keeps the series of %s: %s", self.url, self.instance, failure)

    @property
    def _labels(self) -> dict[str, str]:
        return {"instance": self.instance}

    def _run(self) -> None:
        while True:
            self._push()
            if self._stop.wait(self.every):
                return

    def _push(self) -> None:
        try:
            self._client.push_to_gateway(self.url, self.job, self.registry, self._labels, self.timeout)
        except Exception as failure:  # whatever a gateway does is no reason to end the caller
            if not self._down:
                logger.warning("Pushgateway %s takes nothing, tried every %g s: %s", self.url, self.every, failure)
            self._down = True
            return
        self._down = False
