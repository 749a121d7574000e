from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autoglm_arena import data, venvs
from autoglm_arena.errors import ArenaError

CARD = {"task": "binary", "target": "y", "split": "official"}


def rows(count: int = 400) -> pd.DataFrame:
    return pd.DataFrame({"a": np.arange(count), "y": np.where(np.arange(count) % 4 == 0, "yes", "no")})


def test_lists_are_disjoint_and_named() -> None:
    lists = data.lists()
    assert {"tables-dev", "tables-test", "nine", "domains"} <= set(lists)
    names = [name for members in lists.values() for name in members]
    assert len(names) == len(set(names))
    assert len(lists["tables-dev"]) + len(lists["tables-test"]) >= 15


def test_a_random_split_is_a_quarter_stratified_and_fixed_by_the_seed() -> None:
    first, second, other = (data.split(rows(), CARD | {"split": "random"}, seed) for seed in (1, 1, 2))
    assert len(first[1]) == 100
    assert (first[1]["y"] == "yes").sum() == 25
    assert set(first[0]["a"]) | set(first[1]["a"]) == set(range(400))
    pd.testing.assert_frame_equal(first[1], second[1])
    assert set(first[1]["a"]) != set(other[1]["a"])


def test_given_parts_stay_as_given() -> None:
    frame = rows().assign(**{data.PART: ["train"] * 300 + ["validation"] * 40 + ["test"] * 60})
    train, test = data.split(frame, CARD, seed=7)
    assert list(test["a"]) == list(range(340, 400))
    assert len(train) == 340
    assert data.PART not in train and data.PART not in test


def test_given_folds_are_tested_in_their_order() -> None:
    frame = rows().assign(**{data.PART: [f"fold {1 + i % 10}" for i in range(400)]})
    for seed, fold in ((1, 1), (2, 2), (10, 10), (11, 1)):
        _, test = data.split(frame, CARD | {"split": "folds"}, seed)
        assert set(test["a"] % 10 + 1) == {fold}


def test_the_rarer_half_of_the_classes_is_thinned() -> None:
    thin = data.imbalanced(rows(), CARD, seed=1)
    assert thin["y"].value_counts().to_dict() == {"no": 300, "yes": 15}
    pd.testing.assert_frame_equal(thin, data.imbalanced(rows(), CARD, seed=1))
    many = pd.DataFrame({"y": np.repeat(list("abcde"), 200)})
    sizes = data.imbalanced(many, CARD, seed=1)["y"].value_counts()
    assert sorted(sizes) == [10, 10, 200, 200, 200]


def test_what_cannot_be_thinned() -> None:
    with pytest.raises(ArenaError, match="regression"):
        data.imbalanced(rows(), CARD | {"task": "regression"}, seed=1)
    with pytest.raises(ArenaError, match="3 rows of a class"):
        data.imbalanced(rows(80), CARD, seed=1)


def test_features_are_made_anew_by_new_code_of_ours(arena: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    def write(script: Path, name: str, folder: Path, features: bool) -> None:
        written.append(name + "@features" * features)
        folder.mkdir(parents=True)
        rows().to_parquet(folder / "rows.parquet")
        (folder / "card.json").write_text("{}")

    monkeypatch.setattr(data, "_write", write)
    for digest in ("old", "old", "new"):
        monkeypatch.setattr(venvs, "package", lambda digest=digest: digest)
        data.get("german", features=True)
        data.get("cola")
        data.get("cola", features=True)
    assert written == ["german@features", "cola", "cola@features", "cola@features"]
