"""The layers of MiniLM one by one: the lower ones read once and are kept as they are, the upper ones can be trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoglm.core.errors import MissingExtraError
from autoglm.prep import sentences

try:
    import torch
    from torch import nn
    from transformers import BertModel
    from transformers.utils import logging
except ImportError as error:
    raise MissingExtraError(f"{error.name} is not installed: pip install 'open-autoglm[pretrained]'") from error

LAYERS, WIDTH = 6, 384


class Reader(nn.Module):
    """The upper layers of MiniLM, the mean over the tokens, and a linear answer.

    Parameters
    ----------
    upper
        How many layers are trained.
    outputs
        Scores.
    dropout
        Before the answer.
    """

    def __init__(self, upper: int, outputs: int, dropout: float = 0.1) -> None:
        super().__init__()
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        whole = BertModel.from_pretrained(sentences.FOLDER, add_pooling_layer=False, local_files_only=True)
        self.embeddings = whole.embeddings.requires_grad_(False).eval()
        self.lower = nn.ModuleList(whole.encoder.layer[: LAYERS - upper]).requires_grad_(False).eval()
        self.upper = nn.ModuleList(whole.encoder.layer[LAYERS - upper :])
        self.answer = nn.Sequential(nn.Dropout(dropout), nn.Linear(WIDTH, outputs))

    def begin(self, tokens: Sequence[NDArray[Any]], kinds: Sequence[NDArray[Any]]) -> list[Any]:
        """Return what the lower layers make of each row, (n_tokens, 384) in half precision: they are not trained.

        Rows of one length are read together, which needs no padding.
        """
        found: list[Any] = [None] * len(tokens)
        lengths = np.array([len(row) for row in tokens])
        with torch.inference_mode():
            for length in np.unique(lengths):
                rows = np.flatnonzero(lengths == length)
                for start in range(0, len(rows), 64):
                    some = rows[start : start + 64]
                    ids = torch.from_numpy(np.stack([tokens[i] for i in some]).astype(np.int64))
                    parts = torch.from_numpy(np.stack([kinds[i] for i in some]).astype(np.int64))
                    states = self.embeddings(input_ids=ids, token_type_ids=parts)
                    for layer in self.lower:
                        states = _first(layer(states))
                    for i, state in zip(some, states.half(), strict=True):
                        found[i] = state
        return [state.clone() for state in found]

    def forward(self, states: Sequence[Any]) -> Any:
        """Return scores, (n, outputs), for what `begin` returned."""
        padded = nn.utils.rnn.pad_sequence([s.float() for s in states], batch_first=True)  # (n, longest, 384)
        lengths = torch.tensor([len(s) for s in states])
        here = torch.arange(padded.shape[1]) < lengths[:, None]
        mask = torch.zeros(here.shape).masked_fill(~here, torch.finfo(torch.float32).min)[:, None, None]
        for layer in self.upper:
            padded = _first(layer(padded, attention_mask=mask))
        mean = (padded * here[:, :, None]).sum(dim=1) / lengths[:, None]
        return self.answer(mean)

    def trained(self) -> dict[str, Any]:
        """Return the weights that are trained, by name."""
        return {name: p for name, p in self.state_dict().items() if name.startswith(("upper.", "answer."))}


def _first(found: Any) -> Any:
    """Layers give a tensor or a tuple that begins with it, by the version of the library."""
    return found[0] if isinstance(found, tuple) else found
