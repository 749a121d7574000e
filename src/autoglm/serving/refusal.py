"""Refusals: why a request is not answered, in the words of HTTP and of gRPC."""

from __future__ import annotations

from enum import Enum

from autoglm.core.errors import AutoGLMError

LONGEST = 500  # characters of a message: gRPC carries at most 8 KiB beside an answer, a character may take 12 bytes


class Reason(Enum):
    """Why a request is refused: HTTP status and name of the gRPC status."""

    INVALID = (400, "INVALID_ARGUMENT")
    UNAUTHENTICATED = (401, "UNAUTHENTICATED")
    NOT_FOUND = (404, "NOT_FOUND")
    METHOD = (405, "UNIMPLEMENTED")
    TOO_LARGE = (413, "RESOURCE_EXHAUSTED")
    MEDIA_TYPE = (415, "INVALID_ARGUMENT")
    ROWS = (422, "INVALID_ARGUMENT")
    BUSY = (429, "RESOURCE_EXHAUSTED")
    GONE = (499, "CANCELLED")
    INTERNAL = (500, "INTERNAL")
    UNAVAILABLE = (503, "UNAVAILABLE")
    LATE = (504, "DEADLINE_EXCEEDED")

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.value[0]


class Refusal(AutoGLMError):
    """A request is not answered; the message, cut in the middle where it is long, is for whoever sent it."""

    def __init__(self, reason: Reason, message: str) -> None:
        if len(message) > LONGEST:
            message = f"{message[: LONGEST - 150]} … {message[-147:]}"
        super().__init__(message)
        self.reason = reason
