import pytest
from prometheus_client import CollectorRegistry

from autoglm.kit.retry import counter, retry


class Flaky:
    def __init__(self, failures: int, error: Exception) -> None:
        self.failures, self.error, self.calls = failures, error, 0

    def __call__(self) -> int:
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error
        return self.calls


def test_tries_again_until_it_answers_and_counts() -> None:
    registry = CollectorRegistry()
    found = retry(Flaky(2, ConnectionError("down")), "broker", base=0.001, failures=counter(registry))
    assert found == 3
    assert registry.get_sample_value("autoglm_remote_failures_total", {"name": "broker"}) == 2


@pytest.mark.parametrize("chance", [0.0, 0.5])
def test_gives_up_with_the_last_failure(chance: float) -> None:
    flaky = Flaky(99, TimeoutError("slow"))
    with pytest.raises(TimeoutError, match="slow"):
        retry(flaky, "broker", attempts=3, base=0.001, chance=lambda: chance)
    assert flaky.calls == 3


def test_another_error_is_not_tried_again() -> None:
    flaky = Flaky(1, ValueError("wrong"))
    with pytest.raises(ValueError, match="wrong"):
        retry(flaky, "broker")
    assert flaky.calls == 1
