"""A plan: which contestants play on which data, with how many seconds and seeds; one readable TOML file."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

from autoglm_arena.errors import ArenaError, known

TRACKS = ("raw", "features")
SCENARIOS = ("as is", "imbalanced")


@dataclass(frozen=True)
class Match:
    """One contestant on one split of one data set: what identifies a row of the book.

    Parameters
    ----------
    data
        Name of the data set.
    track
        ``"raw"``: the columns as they are; ``"features"``: the same frozen numbers for everyone.
    scenario
        ``"as is"``, or ``"imbalanced"``: classes thinned to 1 in 20.
    contestant
        Name of its script.
    seed
        Of the split and of the contestant; with given folds, seed 1 tests on the first one.
    seconds, threads, memory_mb
        What everyone gets.
    """

    data: str
    track: str
    scenario: str
    contestant: str
    seed: int
    seconds: float
    threads: int
    memory_mb: int

    @property
    def id(self) -> str:
        """Eight hexadecimal digits."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Play:
    """A block of the plan: every contestant on all of its data. Names are checked when it is read."""

    data: tuple[str, ...]
    contestants: tuple[str, ...]
    tracks: tuple[str, ...] = ("raw",)
    scenarios: tuple[str, ...] = ("as is",)
    seeds: tuple[int, ...] = (1, 2, 3)
    seconds: float = 60.0
    threads: int = 2
    memory_mb: int = 16_000

    def matches(self) -> list[Match]:
        """All matches: every data set with the first seed, then with the next."""
        return [
            Match(data, track, scenario, contestant, seed, self.seconds, self.threads, self.memory_mb)
            for seed in self.seeds
            for data in self.data
            for track in self.tracks
            for scenario in self.scenarios
            for contestant in self.contestants
        ]


@dataclass(frozen=True)
class Plan:
    """What is played: block by block as written, within a block a seed at a time."""

    title: str
    plays: tuple[Play, ...]

    def matches(self) -> list[Match]:
        """Every match once, where it is named first: what matters most stands at the top of a plan."""
        return list(dict.fromkeys(match for play in self.plays for match in play.matches()))


def read(path: Path, lists: Mapping[str, list[str]], contestants: Iterable[str]) -> Plan:
    """Read a plan; `lists` maps names of data lists to data sets.

    Raises
    ------
    ArenaError
        The file cannot be read, or a key, data set or contestant is not known; the nearest name is offered.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArenaError(f"no plan at {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ArenaError(f"{path} is not TOML: {error}") from None
    blocks = found.pop("play", [])
    title = str(found.pop("title", path.stem))
    if not isinstance(blocks, list) or not blocks:
        raise ArenaError(f"{path} plays nothing; expected at least one [[play]] with data = [...]")
    plays = tuple(_play(found | block, f"{path}, [[play]] {i}") for i, block in enumerate(blocks, start=1))
    contestants = list(contestants)
    return Plan(title, tuple(_named(play, lists, contestants) for play in plays))


def _play(settings: dict[str, Any], where: str) -> Play:
    """Check the keys and kinds of a block."""
    kinds = get_type_hints(Play)
    for key, value in settings.items():
        try:
            known("setting", key, kinds)
            settings[key] = _value(kinds[key], value)
        except (ArenaError, ValueError) as error:
            raise ArenaError(f"{where}: {key}: {error}") from None
    if missing := {"data", "contestants"} - set(settings):
        raise ArenaError(f"{where}: {sorted(missing)[0]} is missing")
    for key, allowed in (("tracks", TRACKS), ("scenarios", SCENARIOS)):
        for name in settings.get(key, ()):
            known(key[:-1], name, allowed)
    return Play(**settings)


def _value(kind: Any, value: Any) -> Any:
    """Return a value of TOML as the kind that a setting has."""
    of = get_args(kind)
    if of:
        values = value if isinstance(value, list) else [value]
        if not values:
            raise ValueError("the list is empty")
        return tuple(_value(of[0], v) for v in values)
    if isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else kind):
        raise ValueError(f"{value!r} is not of the kind {kind.__name__}")
    if kind is not str and value <= 0:
        raise ValueError(f"{value!r} is not positive")
    return kind(value)


def _named(play: Play, lists: Mapping[str, list[str]], contestants: list[str]) -> Play:
    """Replace lists of data by their members and check every name."""
    names = [name for group in lists.values() for name in group]
    data: list[str] = []
    for name in play.data:
        data += lists[name] if name in lists else [known("data set", name, [*lists, *names])]
    for name in play.contestants:
        if not name.endswith(".py"):  # else the path of a script
            known("contestant", name, contestants)
    settings = {key: getattr(play, key) for key in Play.__dataclass_fields__}
    return Play(**settings | {"data": tuple(dict.fromkeys(data))})
