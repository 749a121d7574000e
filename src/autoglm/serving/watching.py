"""Who looks on at a service, by its settings: drift of its rows, and what its shadow does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autoglm.kit.settings import ServeSettings
from autoglm.serving.observer import Observer


def observers(folder: Path, settings: ServeSettings, registry: Any) -> tuple[Observer, ...]:
    """Start the observers of a service that answers with the predictor in `folder`.

    Parameters
    ----------
    registry
        A `prometheus_client.CollectorRegistry` that gets their meters.

    Raises
    ------
    FolderError
        A folder is missing or damaged, or drift is asked for and the folder keeps no profile.
    MissingExtraError
        A library that one of them needs is not installed.
    OptionError
        The predictor in the shadow answers something else.
    StoreError
        The shadow's store cannot be reached.
    """
    found: list[Observer] = []
    try:
        if settings.shadow is not None or settings.explain is not None:
            found.append(_shadow(folder, settings, registry))
        if settings.drift or (settings.drift is None and _has_profile(folder)):
            from autoglm.serving.drift import Drift

            found.append(Drift(folder, registry))
    except BaseException:
        for observer in found:
            observer.close()
        raise
    return tuple(found)


def _shadow(folder: Path, settings: ServeSettings, registry: Any) -> Observer:
    from autoglm.serving.shadow import Shadow

    return Shadow(folder, settings.store, settings.shadow, settings.explain is not None, registry)


def _has_profile(folder: Path) -> bool:
    from autoglm.checks.profile import FILE

    return (folder / FILE).is_file()
