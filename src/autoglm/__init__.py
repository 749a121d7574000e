"""Open-AutoGLM: open AutoML for graphs, language and multimodal data.

>>> import autoglm
>>> predictor = autoglm.AutoML(seconds=60).fit(frame, target="y")  # doctest: +SKIP
>>> predictor.predict(rows)  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from autoglm.automl import AutoML, load
    from autoglm.core.errors import AutoGLMError
    from autoglm.core.metrics import Metric
    from autoglm.predictor import Predictor
    from autoglm.sklearn import AutoGLMClassifier, AutoGLMRegressor

_HOMES = {
    "AutoML": "autoglm.automl",
    "load": "autoglm.automl",
    "Predictor": "autoglm.predictor",
    "Metric": "autoglm.core.metrics",
    "AutoGLMError": "autoglm.core.errors",
    "AutoGLMClassifier": "autoglm.sklearn",
    "AutoGLMRegressor": "autoglm.sklearn",
}
__all__ = ["AutoGLMClassifier", "AutoGLMError", "AutoGLMRegressor", "AutoML", "Metric", "Predictor", "load"]


def __getattr__(name: str) -> Any:
    """Import public names when they are first used, so that ``import autoglm`` is instant."""
    if name not in _HOMES:
        raise AttributeError(f"module 'autoglm' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
