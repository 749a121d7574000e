import pytest

from autoglm.core import shelf
from autoglm.core.errors import OptionError


@pytest.mark.parametrize("name", ["encoders", "learners", "samplers", "explainers"])
def test_every_plugin_says_in_one_line_what_it_is(name: str) -> None:
    catalogue = shelf.catalogue(name)
    assert catalogue
    assert all(len(line) > 20 for line in catalogue.values()), catalogue


def test_learners_are_found_without_being_imported() -> None:
    assert {"constant", "linear", "lightgbm", "catboost", "xgboost", "forest", "mlp"} <= set(shelf.plugins("learners"))


def test_an_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(OptionError, match="did you mean 'lightgbm'"):
        shelf.plugin("learners", "lightgmb")


def test_missing_dependencies_are_seen(tmp_path: object) -> None:
    assert shelf.missing("autoglm.learners.constant") == []
