"""Pictures and sounds small enough to stand in a page: as data URIs, which need no other file."""

from __future__ import annotations

import base64
import io
import wave
from pathlib import Path

import numpy as np

from autoglm.core.errors import AutoGLMError

SIDE = 112  # pixels
SECONDS = 3.0


def picture(source: bytes | Path) -> str | None:
    """Return a thumbnail of an image; None where it cannot be read."""
    try:
        from PIL import Image

        from autoglm.prep import pixels

        colours = pixels.standard(source, SIDE)  # (SIDE, SIDE, 3), 0 to 1
    except (AutoGLMError, ImportError):
        return None
    out = io.BytesIO()
    Image.fromarray(np.rint(colours * 255).astype(np.uint8)).save(out, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"


def recording(source: bytes | Path) -> str | None:
    """Return the first seconds of a sound; None where it cannot be read."""
    try:
        from autoglm.prep import sound

        samples = sound.standard(source, seconds=SECONDS)[::2]
    except AutoGLMError:
        return None
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sound.RATE // 2)
        file.writeframes(np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return f"data:audio/wav;base64,{base64.b64encode(out.getvalue()).decode()}"
