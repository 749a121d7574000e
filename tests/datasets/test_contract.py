"""Every card is complete, and every miniature that can be made here keeps the contract."""

from dataclasses import replace

import pandas as pd
import pytest

from autoglm import datasets
from autoglm.core.dataset import PART
from autoglm.core.errors import MissingExtraError
from autoglm.testing.datasets import _check_frame, check_card, check_dataset

NAMES = datasets.names()
MINIATURES = [name for name in NAMES if datasets.card(name).miniature_of]


@pytest.mark.parametrize("name", NAMES)
def test_card(name: str) -> None:
    check_card(datasets.card(name), name)


@pytest.mark.parametrize("name", MINIATURES)
def test_miniature(name: str) -> None:
    try:
        datasets.locate(name)
    except MissingExtraError as error:
        pytest.skip(str(error))
    check_dataset(name)


def test_a_card_with_a_gap_is_refused() -> None:
    card = datasets.card("mnist")
    with pytest.raises(AssertionError, match="nothing under licence"):
        check_card(replace(card, licence=""), "mnist")
    with pytest.raises(AssertionError, match="nobody states"):
        check_card(replace(card, archives=(replace(card.archives[0], stated_by=""),)), "mnist")
    with pytest.raises(AssertionError, match="calls itself"):
        check_card(card, "mnist-mini")
    with pytest.raises(AssertionError, match="really is"):
        check_card(replace(card, miniature_of="x", note=""), "mnist")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({PART: ["train", "test", "dev"]}, "parts"),
        ({PART: ["train"] * 3}, "lacking"),
        ({"digit": [1, None, 1]}, "without a value"),
        ({"digit": [1, 2, 1]}, "no training row"),
    ],
)
def test_a_frame_that_breaks_the_contract_is_refused(change: dict[str, list[object]], words: str) -> None:
    good = pd.DataFrame({"image": [b""] * 3, "digit": [1, 1, 1], PART: ["train", "test", "train"]})
    _check_frame(good, datasets.card("mnist"), "here")
    with pytest.raises(AssertionError, match=words):
        _check_frame(good.assign(**change), datasets.card("mnist"), "here")
