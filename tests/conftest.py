from collections.abc import Iterator
from pathlib import Path

import pytest

from autoglm.prep import store


@pytest.fixture(autouse=True, scope="session")
def _own_numbers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the numbers of images and sounds for one run of the tests only: code under test may change them."""
    folder: Path = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "cache", lambda: folder)
        store.store.cache_clear()
        yield
    store.store.cache_clear()
