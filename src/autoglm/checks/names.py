"""What a column's name says about it: an identifier, or the key of a group of rows."""

from __future__ import annotations

import re

_ACTORS = (
    "account|animal|building|client|clinic|customer|device|driver|employee|engine|family|farm|hospital|household|"
    "individual|machine|member|owner|participant|patient|person|player|school|sensor|session|store|student|"
    "subject|team|unit|user|vehicle|visitor"
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_IDENTIFIER = re.compile(r"^(id|uuid|guid|key|rownum|row_number|index|unnamed_0)$|_(id|uuid|guid|key|nr|no|number)$")
_GROUP = re.compile(rf"^(.*_)?({_ACTORS})s?(_?(id|uuid|guid|key|nr|no|num|number|code|name))?$")


def words(name: str) -> str:
    """Write a name as lower-case words: ``PatientID`` becomes ``patient_id``."""
    return re.sub(r"[^a-z0-9]+", "_", _CAMEL.sub("_", name).lower()).strip("_")


def is_identifier(name: str) -> bool:
    """Whether a name is that of an identifier (``id``, ``order_no``)."""
    return bool(_IDENTIFIER.search(words(name)))


def is_group(name: str) -> bool:
    """Whether a name is that of someone or something that may have several rows (``patient``, ``userId``)."""
    return bool(_GROUP.match(words(name))) or words(name).endswith("_id")
