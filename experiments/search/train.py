"""Meta-train the policy that chooses candidates, by proximal policy optimisation, in one file.

    python experiments/search/train.py --out runs/seed-1 --seed 1 --iterations 300

Many studies are played at once on tasks drawn for the iteration (made functions and the surrogates' training
instances; never one of the held-out list), each task by GROUP studies, so that its difficulty can be told from a
study's luck. The reward is the drop of the logarithm of normalised regret:

    r_t = log(R_{t-1} + e) - log(R_t + e)
    A_t = sum_k (gamma lambda)^k (r_{t+k} + gamma V_{t+k+1} - V_{t+k})          (1)
    L   = -E min(q A, clip(q, 1 - c, 1 + c) A) + w_v (V - G)^2 - w_h H + w_x X  (2)

with q = pi / pi_old and X the cross-entropy of a guess how the chosen trial will rank among those before it. One
checkpoint per iteration; the same call goes on after a kill, and a seed gives the same weights.

Sources: Schulman et al., *Proximal Policy Optimization Algorithms* (2017) and *High-Dimensional Continuous Control
Using Generalized Advantage Estimation* (2016); one file, as in CleanRL; the guess of the rank after Maraval et al.,
*End-to-End Meta-Bayesian Optimisation with Transformer Neural Processes* (2023).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

sys.path.insert(0, str(Path(__file__).parent))
import tasks as problems
from augment import restricted
from synthetic import synthetic_task

from autoglm.tuning.cube import Cube
from autoglm.tuning.situation import FEATURES, UNKNOWN, Situation, Studies

Array = NDArray[np.float64]
BINS = 16  # of the guess how a trial will rank
HIDDEN = 64
PARTS = 2  # of an iteration's tasks, each played by one process
THREADS = 1  # of the steps on the loss


@dataclass(frozen=True)
class Plan:
    """Everything that decides a training; it is kept in the weights' record."""

    seed: int = 1
    iterations: int = 100
    instances: int = 24  # tasks an iteration
    group: int = 3  # studies a task
    shortest: int = 20  # trials of a study, drawn per iteration
    longest: int = 64
    synthetic: float = 0.45  # share of made tasks
    gamma: float = 0.97
    trace: float = 0.95  # lambda of eq. 1
    clip: float = 0.2
    epochs: int = 3
    batch: int = 256
    rate: float = 3e-3
    value: float = 0.25
    entropy: float = 0.001
    auxiliary: float = 0.1
    floor: float = 1e-2  # e of the reward
    sharpness: float = 2.5  # logarithm of a, at first
    shuffled: bool = False  # rewards of other studies: nothing can be learned (an honesty check)
    without: str = ""  # a group of tasks left out


class Network(nn.Module):
    """The policy of `autoglm.tuning.policy`, with a value and the guess of a rank."""

    def __init__(self, sharpness: float) -> None:
        """Start as expected improvement: the score's last layer is zero."""
        super().__init__()
        self.embed = nn.Linear(len(FEATURES), HIDDEN)
        self.relate = nn.Linear(HIDDEN, HIDDEN)
        self.judge = nn.Linear(3 * HIDDEN, HIDDEN)
        self.score = nn.Linear(HIDDEN, 1)
        self.sharpness = nn.Parameter(torch.tensor(sharpness))
        self.value = nn.Sequential(nn.Linear(2 * HIDDEN, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 1))
        self.rank = nn.Linear(HIDDEN, BINS)
        for layer in (self.score, self.value[2]):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, features: Any, improvement: Any, valid: Any) -> tuple[Any, Any, Any]:
        """Return logits (N, m), values (N,) and hidden vectors (N, m, h)."""
        inner = torch.tanh(self.relate(torch.tanh(self.embed(features))))
        likely = torch.where(valid, improvement.exp(), 0.0)
        views = torch.cat([(inner * w[..., None]).sum(1) / w.sum(1, keepdim=True) for w in (valid.float(), likely)], -1)
        own, shared = self.judge.weight.split([HIDDEN, 2 * HIDDEN], 1)
        about = nn.functional.linear(views, shared, self.judge.bias)  # the same for every candidate of a set
        hidden = torch.tanh(nn.functional.linear(inner, own) + about[:, None])
        logits = self.sharpness.exp() * improvement + self.score(hidden)[..., 0]
        return logits.masked_fill(~valid, -torch.inf), self.value(views)[:, 0], hidden


@dataclass
class Rollout:
    """What B studies of T trials saw, did and got."""

    features: list[Any]  # T of (B, m, F); the number of candidates is the same but at the first trial
    improvement: list[Any]
    valid: list[Any]
    actions: Any  # (T, B)
    regret: Array  # (T, B), of the best so far
    rank: NDArray[np.int64]  # (T, B), bin of the trial's rank among those before it


@cache
def training_tasks(data: str) -> list[Any]:
    """Return the surrogates' instances that may be trained on; without data there are made tasks only."""
    return problems.tasks(held_out=False, data=Path(data)) if data else []


def draw_tasks(plan: Plan, iteration: int, part: int, data: str) -> list[Any]:
    """Return the iteration's tasks, one per instance; a part of the iteration draws every PARTS-th."""
    known: dict[str, list[Any]] = {}
    for task in training_tasks(data):
        known.setdefault(task.group, []).append(task)
    if plan.without and known.pop(plan.without, None) is None:
        raise SystemExit(f"--without {plan.without!r}: there are {', '.join(known) or 'made tasks only'}")
    return [_drawn(known, plan, [plan.seed, iteration, 1, k]) for k in range(part, plan.instances, PARTS)]


def _drawn(known: dict[str, list[Any]], plan: Plan, seed: Sequence[int]) -> Any:
    """Draw one task; of the real ones a group the more often, the more instances it has."""
    rng = np.random.default_rng(seed)
    if not known or rng.random() < plan.synthetic:
        return synthetic_task(int(rng.integers(1 << 40)))
    counts = np.sqrt([len(known[group]) for group in sorted(known)])
    group = known[sorted(known)[int(rng.choice(len(counts), p=counts / counts.sum()))]]
    return restricted(group[int(rng.integers(len(group)))], rng)


def play(plan: Plan, drawn: Sequence[Any], trials: int, seed: Sequence[int], choose: Any) -> Rollout:
    """Play each task `plan.group` times in step; ``choose(situation)`` returns an action (B,)."""
    each = [task for task in drawn for _ in range(plan.group)]
    cubes = [Cube(task.space) for task in each]
    told = np.random.default_rng([*seed, 2]).random(len(each)) < 0.5
    studies = Studies.start(
        cubes,
        [np.random.default_rng([*seed, 3, b]) for b in range(len(each))],
        [trials if t else UNKNOWN for t in told],
    )
    found = Rollout([], [], [], [], np.empty((trials, len(each))), np.zeros((trials, len(each)), dtype=np.int64))
    best = np.full(len(each), 2.0)  # twice the median's regret, before the first trial
    for t in range(trials):
        situation = studies.look()
        actions = choose(situation)
        places = situation.candidates[np.arange(len(each)), actions]
        losses, present = np.empty(len(each)), studies.real.copy()
        for g, task in enumerate(drawn):
            rows = slice(g * plan.group, (g + 1) * plan.group)
            cube = cubes[g * plan.group]
            settings = [cube.settings(p[: len(cube.axes)]) for p in places[rows]]
            there = [task.active(s) for s in settings]
            losses[rows] = task.evaluate([{k: s[k] for k in a} for s, a in zip(settings, there, strict=True)])[0]
            present[rows, : len(cube.axes)] = [[name in a for name in task.space] for a in there]
            regret = np.where(np.isfinite(losses[rows]), task.regret(losses[rows]), np.inf)
            best[rows] = np.minimum(best[rows], regret)
        if t:
            worse = (studies.losses > losses[:, None]).mean(1)
            found.rank[t] = np.minimum((worse * BINS).astype(int), BINS - 1)
        studies.tell(places, losses, present)
        found.features.append(torch.from_numpy(situation.features.astype(np.float32)))
        found.improvement.append(torch.from_numpy(situation.improvement.astype(np.float32)))
        found.valid.append(torch.from_numpy(situation.valid))
        found.actions.append(torch.from_numpy(np.asarray(actions)))
        found.regret[t] = best
    found.actions = torch.stack(found.actions)
    return found


def sampled(network: Network, seed: Sequence[int]) -> Any:
    """Return a chooser that samples from the policy."""
    generator = torch.Generator().manual_seed(int(np.random.default_rng([*seed, 4]).integers(1 << 62)))

    def choose(situation: Situation) -> NDArray[np.int64]:
        with torch.no_grad():
            logits, _, _ = network(*_tensors(situation))
        return torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, 0].numpy()

    return choose


def _tensors(situation: Situation) -> tuple[Any, Any, Any]:
    return (
        torch.from_numpy(situation.features.astype(np.float32)),
        torch.from_numpy(situation.improvement.astype(np.float32)),
        torch.from_numpy(situation.valid),
    )


def worker(plan: Plan, state: dict[str, Any], iteration: int, part: int, data: str) -> Rollout:
    """Play a part of an iteration's tasks with the weights of its beginning."""
    torch.set_num_threads(1)
    network = Network(plan.sharpness)
    network.load_state_dict(state)
    drawn = draw_tasks(plan, iteration, part, data)
    trials = int(np.random.default_rng([plan.seed, iteration, 5]).integers(plan.shortest, plan.longest + 1))
    seed = [plan.seed, iteration, part]
    return play(plan, drawn, trials, seed, sampled(network, seed))


def joined(parts: Sequence[Rollout]) -> Rollout:
    """Return one rollout of all parts' studies."""
    steps = range(len(parts[0].features))

    def cat(field: str) -> list[Any]:
        width = [max(getattr(p, field)[t].shape[1] for p in parts) for t in steps]
        padded = [[_widened(getattr(p, field)[t], width[t]) for p in parts] for t in steps]
        return [torch.cat(p) for p in padded]

    return Rollout(
        cat("features"),
        cat("improvement"),
        cat("valid"),
        torch.cat([p.actions for p in parts], 1),
        np.concatenate([p.regret for p in parts], 1),
        np.concatenate([p.rank for p in parts], 1),
    )


def _widened(tensor: Any, width: int) -> Any:
    extra = width - tensor.shape[1]
    if not extra:
        return tensor
    return torch.cat([tensor, tensor.new_zeros((tensor.shape[0], extra, *tensor.shape[2:]))], 1)


def advantages(plan: Plan, rollout: Rollout, values: Array) -> tuple[Array, Array]:
    """Return advantages (eq. 1) and returns (T, B)."""
    regret = np.log(np.vstack([np.full((1, rollout.regret.shape[1]), 2.0), rollout.regret]) + plan.floor)
    rewards = regret[:-1] - regret[1:]
    if plan.shuffled:
        rewards = rewards[:, np.random.default_rng(plan.seed).permutation(rewards.shape[1])]
    ahead = np.zeros_like(values)
    trace = np.zeros(values.shape[1])
    following = np.vstack([values[1:], np.zeros((1, values.shape[1]))])
    for t in reversed(range(len(values))):
        trace = rewards[t] + plan.gamma * following[t] - values[t] + plan.gamma * plan.trace * trace
        ahead[t] = trace
    returns = ahead + values
    grouped = ahead.reshape(len(values), -1, plan.group)
    return (grouped - grouped.mean(2, keepdims=True)).reshape(ahead.shape), returns


def update(plan: Plan, network: Network, optimiser: Any, rollout: Rollout, seed: Sequence[int]) -> dict[str, float]:
    """Take the iteration's steps on eq. 2."""
    steps, studies = rollout.actions.shape
    width = max(f.shape[1] for f in rollout.features)
    features = torch.cat([_widened(f, width) for f in rollout.features])
    improvement = torch.cat([_widened(f, width) for f in rollout.improvement])
    valid = torch.cat([_widened(f, width) for f in rollout.valid])
    actions, rank = rollout.actions.reshape(-1), torch.from_numpy(rollout.rank.reshape(-1))
    with torch.no_grad():
        chunks = [network(*c)[:2] for c in zip(*(x.split(1024) for x in (features, improvement, valid)), strict=True)]
        old = torch.cat([logits.log_softmax(-1) for logits, _ in chunks])
        old = old.gather(1, actions[:, None])[:, 0]
        values = torch.cat([v for _, v in chunks]).reshape(steps, studies).numpy().astype(float)
    ahead, returns = advantages(plan, rollout, values)
    ahead = torch.from_numpy((ahead / (ahead.std() + 1e-8)).reshape(-1).astype(np.float32))
    returns = torch.from_numpy(returns.reshape(-1).astype(np.float32))
    later = torch.arange(steps).repeat_interleave(studies) > 0  # the first choice is blind
    usable = torch.nonzero(torch.isfinite(ahead) & later)[:, 0]
    generator = torch.Generator().manual_seed(int(np.random.default_rng([*seed, 6]).integers(1 << 62)))
    sums: dict[str, list[float]] = {"clipped": [], "entropy": [], "value": [], "auxiliary": []}
    for _ in range(plan.epochs):
        for rows in usable[torch.randperm(len(usable), generator=generator)].split(plan.batch):
            logits, value, hidden = network(features[rows], improvement[rows], valid[rows])
            logp = logits.log_softmax(-1)
            ratio = (logp.gather(1, actions[rows, None])[:, 0] - old[rows]).exp()
            clipped = ratio.clamp(1 - plan.clip, 1 + plan.clip)
            gain = torch.minimum(ratio * ahead[rows], clipped * ahead[rows]).mean()
            entropy = -(logp.exp() * logp.masked_fill(~valid[rows], 0.0)).sum(-1).mean()
            misfit = (value - returns[rows]).square().mean()
            chosen = hidden[torch.arange(len(rows)), actions[rows]]
            guess = nn.functional.cross_entropy(network.rank(chosen), rank[rows])
            loss = -gain + plan.value * misfit - plan.entropy * entropy + plan.auxiliary * guess
            if not torch.isfinite(loss):
                continue
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 0.5)
            optimiser.step()
            for name, x in (
                ("clipped", (ratio != clipped).float().mean()),
                ("entropy", entropy),
                ("value", misfit),
                ("auxiliary", guess),
            ):
                sums[name].append(float(x.detach()))
    return {k: float(np.mean(v)) for k, v in sums.items()}


def export(network: Network, plan: Plan, path: Path, data: str, progress: dict[str, Any]) -> None:
    """Write the weights that `autoglm.tuning.policy` reads, with the record of their training, atomically."""
    kept = {k: v.detach().numpy() for k, v in network.state_dict().items() if k.split(".")[0] not in ("value", "rank")}
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    held_out = sorted(t.name for t in problems.tasks(held_out=True, data=Path(data))) if data else []
    record = {"features": list(FEATURES), "plan": asdict(plan), "commit": commit, "held_out": held_out, **progress}
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, record=np.array(json.dumps(record)), **kept)
    os.replace(partial, path)


def main() -> None:
    """Train, or go on."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of checkpoints, curve and weights")
    parser.add_argument("--data", help="folder with the surrogates; default: AUTOGLM_HPO, or ../shared/hpo")
    for name, default in asdict(Plan()).items():
        kind = {"action": "store_true"} if isinstance(default, bool) else {"type": type(default), "default": default}
        parser.add_argument(f"--{name}", **kind)
    given = vars(parser.parse_args())
    out, folder = given.pop("out"), given.pop("data")
    plan = Plan(**given)
    train(plan, out, "" if plan.synthetic == 1 else str(problems.folder(folder)))


def train(plan: Plan, out: Path, data: str) -> None:
    """Train into a folder, going on from its checkpoint; ``data`` is the folder with the surrogates, or empty."""
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(THREADS)
    torch.manual_seed(plan.seed)
    network = Network(plan.sharpness)
    optimiser = torch.optim.Adam(network.parameters(), lr=plan.rate)
    first, seconds, transitions = 0, 0.0, 0
    checkpoint = out / "checkpoint.pt"
    if checkpoint.exists():
        stored = torch.load(checkpoint, weights_only=True)
        if stored["plan"] != asdict(replace(plan, iterations=stored["plan"]["iterations"])):
            raise SystemExit(f"{out} holds a training of another plan: {stored['plan']}")
        network.load_state_dict(stored["network"])
        optimiser.load_state_dict(stored["optimiser"])
        first, seconds, transitions = stored["iteration"], stored["seconds"], stored["transitions"]
    with ProcessPoolExecutor(PARTS) as pool, (out / "curve.jsonl").open("a") as curve:
        for iteration in range(first, plan.iterations):
            begun = time.perf_counter()
            for group in optimiser.param_groups:
                group["lr"] = plan.rate * (1 - 0.9 * iteration / plan.iterations)
            state = network.state_dict()
            jobs = [pool.submit(worker, plan, state, iteration, p, data) for p in range(PARTS)]
            rollout = joined([job.result() for job in jobs])
            seen = update(plan, network, optimiser, rollout, [plan.seed, iteration])
            transitions += rollout.actions.numel()
            seconds += time.perf_counter() - begun
            line = {
                "iteration": iteration,
                "trials": len(rollout.actions),
                "sharpness": float(network.sharpness.detach().exp()),
                "log_regret": float(np.log(rollout.regret[-1] + plan.floor).mean()),
                "seconds": round(seconds, 1),
                **seen,
            }
            curve.write(json.dumps(line) + "\n")
            curve.flush()
            state = {"network": network.state_dict(), "optimiser": optimiser.state_dict()}
            spent = {"iteration": iteration + 1, "seconds": seconds, "transitions": transitions}
            torch.save(state | spent | {"plan": asdict(plan)}, checkpoint.with_suffix(".partial"))
            os.replace(checkpoint.with_suffix(".partial"), checkpoint)
            if iteration % 10 == 9 or iteration + 1 == plan.iterations:
                spent["seconds"] = round(seconds)
                export(network, plan, out / "policy.npz", data, spent)
                print(line, flush=True)


if __name__ == "__main__":
    main()
