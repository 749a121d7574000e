"""The OpenAPI document: what it says is what the service does, whatever a generator of requests comes up with."""

import httpx
import schemathesis
from hypothesis import HealthCheck, given, settings

from autoglm.serving.running import Running

FEW = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)


def test_the_document_is_kept(served: Running) -> None:
    url = f"http://127.0.0.1:{served.http}"
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    paths = []
    for found in schema.get_all_operations():
        operation = found.ok()
        paths.append(operation.path)

        def check(case: schemathesis.Case) -> None:
            case.call_and_validate()

        FEW(given(case=operation.as_strategy())(check))()
    assert paths == ["/predict", "/explain"]
    assert httpx.get(f"{url}/v2/health/ready").status_code == 200
