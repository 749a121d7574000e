"""The training loop: AdamW, a schedule by steps or seconds (whichever ends first), early stopping, checkpoints.

Gradients are accumulated over `Recipe.accumulate` batches, clipped, and computed in bfloat16 where the chip multiplies
in it. The same seed gives the same weights on one machine with one number of threads.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoglm.core.errors import MissingExtraError
from autoglm.core.files import read_json, write_json
from autoglm.core.seed import Seed

try:
    import torch
    from safetensors.torch import load_file, save_file
except ImportError as error:
    raise MissingExtraError(f"{error.name} is not installed: pip install 'open-autoglm[deep]'") from error

Batch = tuple[Any, ...]


@dataclass(frozen=True)
class Recipe:
    """Settings of a training.

    Parameters
    ----------
    epochs
        Passes over the rows at most.
    lr
        Highest learning rate.
    warmup
        Share of the training in which the rate rises; then it falls by a cosine to nothing.
    decay
        Weight decay of matrices (decoupled); vectors have none.
    accumulate
        Batches whose gradients make one step.
    clip
        Longest gradient.
    patience
        Epochs without a better judgement after which training ends.
    half
        Multiply in bfloat16: True, False, or None for GPUs and processors with matrix units for it; on others it is
        many times slower (measured: 16).
    """

    epochs: int
    lr: float
    warmup: float = 0.1
    decay: float = 0.01
    accumulate: int = 1
    clip: float = 1.0
    patience: int = 5
    half: bool | None = None


@dataclass
class _State:
    """Where a training is."""

    epoch: int = 0
    step: int = 0
    best: float = math.inf
    stale: int = 0
    spent: float = 0.0


def train(
    module: torch.nn.Module,
    batches: Callable[[int], Iterable[Batch]],
    loss: Callable[[Batch], Any],
    judge: Callable[[], float],
    recipe: Recipe,
    seed: Seed,
    *,
    steps: int,
    seconds: float = math.inf,
    place: Path | None = None,
) -> float:
    """Train the parameters that require a gradient; the module ends with the best weights that were judged.

    Parameters
    ----------
    module
        What is trained, in place.
    batches
        Epoch → its batches.
    loss
        The mean loss of a batch.
    judge
        The error on rows that are not trained on, asked after each epoch; lower is better.
    recipe
        Settings.
    seed
        Of dropout and whatever else draws while training.
    steps
        Batches of one epoch, for the schedule.
    seconds
        When to be done, counted from this call; the schedule is hurried so that it ends in time.
    place
        Folder for a checkpoint after each epoch; a training that was killed goes on from it.

    Returns
    -------
    float
        The best error.
    """
    parameters = {n: p for n, p in module.named_parameters() if p.requires_grad}
    optimizer = torch.optim.AdamW(_groups(parameters, recipe.decay), lr=recipe.lr, fused=True)  # 9 ms a step, not 35
    state, best, began = _State(), _copied(parameters), time.monotonic()
    if place is not None and (place / "state.json").exists():
        state, best = _resume(place, parameters, optimizer)
    total = max(1, recipe.epochs * steps)
    with torch.random.fork_rng(devices=[]):
        while state.epoch < recipe.epochs and state.stale < recipe.patience:
            torch.manual_seed(seed.child("epoch", state.epoch).integer)
            module.train()
            spent = time.monotonic() - began + state.spent
            for i, batch in enumerate(batches(state.epoch)):
                spent = time.monotonic() - began + state.spent
                progress = max(state.step / total, spent / seconds)
                if progress >= 1.0:
                    break
                _backward(loss, batch, recipe)
                state.step += 1
                if (i + 1) % recipe.accumulate == 0:
                    _move(optimizer, parameters, recipe, progress)
            module.eval()
            error = judge()
            state.stale += 1
            if error < state.best:
                state.best, state.stale, best = error, 0, _copied(parameters)
            state.epoch += 1
            if place is not None:
                state.spent += time.monotonic() - began
                began = time.monotonic()
                _keep(place, state, best, parameters, optimizer)
            if not math.isfinite(error) or spent >= 0.97 * seconds:
                break
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(best[name])
    module.eval()
    return state.best


def schedule(progress: float, warmup: float) -> float:
    """Return the share of the highest learning rate at a share of the training: a rise, then a cosine to 0."""
    if progress < warmup:
        return progress / warmup
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


def half(wanted: bool | None) -> bool:
    """Whether to multiply in bfloat16: as wanted, or where the chip does so itself."""
    if wanted is not None:
        return wanted
    asked = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return torch.cuda.is_available() or bool(asked is not None and asked())


def _backward(loss: Callable[[Batch], Any], batch: Batch, recipe: Recipe) -> None:
    with torch.autocast("cuda" if torch.cuda.is_available() else "cpu", torch.bfloat16, enabled=half(recipe.half)):
        value: Any = loss(batch) / recipe.accumulate
    value.backward()


def _move(optimizer: Any, parameters: dict[str, Any], recipe: Recipe, progress: float) -> None:
    torch.nn.utils.clip_grad_norm_(parameters.values(), recipe.clip)
    for group in optimizer.param_groups:
        group["lr"] = recipe.lr * max(schedule(progress, recipe.warmup), 1e-3)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def _groups(parameters: dict[str, Any], decay: float) -> list[dict[str, Any]]:
    matrices = [p for p in parameters.values() if p.ndim > 1]
    vectors = [p for p in parameters.values() if p.ndim < 2]
    return [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]


def _copied(parameters: dict[str, Any]) -> dict[str, Any]:
    return {name: p.detach().clone() for name, p in parameters.items()}


def _keep(place: Path, state: _State, best: dict[str, Any], parameters: dict[str, Any], optimizer: Any) -> None:
    """Write a checkpoint: numbers alone, put in place at once; the file that names the epoch comes last."""
    place.mkdir(parents=True, exist_ok=True)
    tensors = {f"best.{n}": t for n, t in best.items()} | {f"now.{n}": p.detach() for n, p in parameters.items()}
    for n, p in parameters.items():
        for key, value in optimizer.state.get(p, {}).items():
            tensors[f"{key}.{n}"] = torch.as_tensor(value)
    name = f"weights-{state.epoch}.safetensors"
    save_file({k: t.contiguous() for k, t in tensors.items()}, place / f".{name}")
    (place / f".{name}").rename(place / name)
    write_json(place / "state.json", vars(state) | {"weights": name})
    for old in place.glob("weights-*.safetensors"):
        if old.name != name:
            old.unlink()


def _resume(place: Path, parameters: dict[str, Any], optimizer: Any) -> tuple[_State, dict[str, Any]]:
    about = read_json(place / "state.json")
    tensors = load_file(place / about.pop("weights"))
    best = {}
    with torch.no_grad():
        for n, p in parameters.items():
            p.copy_(tensors[f"now.{n}"])
            best[n] = tensors[f"best.{n}"]
            keys = ("step", "exp_avg", "exp_avg_sq")
            if f"step.{n}" in tensors:
                optimizer.state[p] = {key: tensors[f"{key}.{n}"] for key in keys}
    return _State(**about), best
