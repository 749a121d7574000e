import pytest
from prometheus_client import CollectorRegistry

from autoglm.kit.breaker import Breaker, CircuitOpenError, gauge


def broken() -> None:
    raise ConnectionError("down")


def test_opens_probes_once_and_closes() -> None:
    registry, now = CollectorRegistry(), [0.0]
    breaker = Breaker("broker", failures=2, pause=10, states=gauge(registry), clock=lambda: now[0])

    def shown() -> float | None:
        return registry.get_sample_value("autoglm_circuit_state", {"name": "broker"})

    for _ in range(2):
        with pytest.raises(ConnectionError, match="down"):
            breaker.call(broken)
    assert shown() == 2
    with pytest.raises(CircuitOpenError, match="broker: not asked after 2 failures"):
        breaker.call(lambda: 1)
    now[0] = 10

    def probe() -> float | None:
        with pytest.raises(CircuitOpenError):
            breaker.call(lambda: 1)
        return shown()

    assert breaker.call(probe) == 1
    assert shown() == 0 and breaker.call(lambda: 7) == 7


def test_a_failed_probe_opens_again() -> None:
    now = [0.0]
    breaker = Breaker("broker", failures=3, pause=10, clock=lambda: now[0])
    for moment in (0, 0, 0, 10):
        now[0] = moment
        with pytest.raises(ConnectionError, match="down"):
            breaker.call(broken)
    now[0] = 19
    with pytest.raises(CircuitOpenError):
        breaker.call(lambda: 1)


def test_a_success_starts_the_count_again() -> None:
    breaker = Breaker("broker", failures=2)
    for _ in range(3):
        with pytest.raises(ConnectionError, match="down"):
            breaker.call(broken)
        assert breaker.call(lambda: 1) == 1
