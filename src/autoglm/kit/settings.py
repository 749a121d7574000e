"""Settings of a service: flags, then the environment, then a file, then defaults; all that is wrong is said at once."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from autoglm.core.errors import MissingExtraError, OptionError, nearest

PREFIX = "AUTOGLM_SERVE_"
SECRETS = ("token",)
_PASSWORD = re.compile(r"(?<=://)([^/@:]*):[^/]*@")
LIVE = ("rows", "deadline", "drain")  # what a service that runs takes over; all else needs a restart

try:
    from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
except ImportError as error:
    raise MissingExtraError("a service needs the extra serve: pip install 'open-autoglm[serve]'") from error


class ServeSettings(BaseModel):
    """What `autoglm serve` can be told; ports of 0 are chosen by the system, negative ones stay closed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field("model", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="what clients call the model")
    host: str = Field("127.0.0.1", description="the address to listen on")
    http: int = Field(8000, ge=-1, le=65535, description="port of HTTP")
    grpc: int = Field(8001, ge=-1, le=65535, description="port of gRPC")
    metrics: int = Field(9090, ge=-1, le=65535, description="port of Prometheus's /metrics")
    rows: int = Field(10_000, ge=1, description="most rows of a request")
    megabytes: float = Field(16.0, gt=0, description="most megabytes of a request")
    concurrency: int = Field(64, ge=1, le=1000, description="most requests at once; others are told to come again")
    deadline: float = Field(30.0, gt=0, le=86400, description="seconds after which a request is given up")
    drain: float = Field(10.0, ge=0, le=86400, description="seconds that requests in flight have at the end")
    token: SecretStr | None = Field(None, description="bearer token that clients must show")
    certificate: Path | None = Field(None, description="PEM file: serve TLS")
    key: Path | None = Field(None, description="PEM file: the certificate's key")
    clients: Path | None = Field(None, description="PEM file: authorities of client certificates; others are refused")
    insecure: bool = Field(False, description="listen beyond this machine without token or client certificates")
    otlp: str | None = Field(None, description="OTLP/HTTP endpoint for traces, for instance http://collector:4318")
    shadow: Path | None = Field(None, description="folder of a predictor that answers the same rows in the shadow")
    explain: Literal["shadow"] | None = Field(None, description="shadow: each answer is explained in the shadow")
    store: str = Field(
        "shadow.sqlite", min_length=1, description="where the shadow writes: a file, or the URL of a base"
    )
    drift: bool | None = Field(None, description="compare rows with training's; by default where the folder can")
    push: str | None = Field(None, description="Pushgateway that gets the meters, for instance http://gateway:9091")

    @model_validator(mode="after")
    def _consistent(self) -> ServeSettings:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together: give both or none")
        if self.shadow is None and self.explain is None and "store" in self.model_fields_set:
            raise ValueError("store is the shadow's: name a shadow, or explain=shadow")
        if self.clients is not None and self.certificate is None:
            raise ValueError("clients needs certificate and key: only TLS knows client certificates")
        open_to_all = self.host not in ("127.0.0.1", "::1", "localhost")
        if open_to_all and not (self.token or self.clients or self.insecure):
            raise ValueError(
                f"host {self.host!r} is reached from other machines: set a token or clients, or insecure=true if "
                "something in front of the service guards it"
            )
        return self


@dataclass(frozen=True)
class Source:
    """Where settings come from, the first that says something wins."""

    flags: dict[str, Any]
    environment: dict[str, str]
    file: Path | None = None

    def read(self) -> ServeSettings:
        """Return the settings.

        Raises
        ------
        OptionError
            With everything that is wrong, a line each.
        """
        told = _file(self.file) | _environment(self.environment)
        told |= {name: value for name, value in self.flags.items() if value is not None}
        wrong = [f"unknown setting {n!r}{nearest(n, ServeSettings.model_fields)}" for n in told if n not in KNOWN]
        try:
            found = ServeSettings(**{name: value for name, value in told.items() if name in KNOWN})
        except ValidationError as error:
            wrong += [_said(problem) for problem in error.errors()]
        if wrong:
            raise OptionError("; ".join(wrong))
        return found


KNOWN = frozenset(ServeSettings.model_fields)


def masked(settings: ServeSettings) -> dict[str, Any]:
    """Return the settings for people and logs, secrets and passwords in URLs hidden."""
    return {k: "***" if k in SECRETS and v else _hidden(v) for k, v in settings.model_dump(mode="json").items()}


def _hidden(value: Any) -> Any:
    return _PASSWORD.sub(r"\1:***@", value) if isinstance(value, str) else value


@dataclass(frozen=True)
class Change:
    """What other settings mean for a service that runs.

    Parameters
    ----------
    settings
        From now on.
    taken
        Names and new values, secrets hidden.
    restart
        Names of what is other only after a restart.
    """

    settings: ServeSettings
    taken: dict[str, Any]
    restart: tuple[str, ...]

    @classmethod
    def of(cls, old: ServeSettings, new: ServeSettings) -> Change:
        """Compare settings."""
        other = [name for name in ServeSettings.model_fields if getattr(old, name) != getattr(new, name)]
        live = {name: getattr(new, name) for name in other if name in LIVE}
        shown = {name: masked(new)[name] for name in live}
        return cls(old.model_copy(update=live), shown, tuple(name for name in other if name not in LIVE))


def _file(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OptionError(f"cannot read settings from {str(path)!r}: {error.strerror or error}") from error
    except tomllib.TOMLDecodeError as error:
        raise OptionError(f"{str(path)!r} is no TOML file: {error}") from error


def _environment(variables: dict[str, str]) -> dict[str, Any]:
    return {name[len(PREFIX) :].lower(): value for name, value in variables.items() if name.startswith(PREFIX)}


def _said(problem: Any) -> str:
    where = ".".join(map(str, problem["loc"]))
    given = "" if where in SECRETS or not where else f"={problem['input']!r}"
    return f"{where}{given}: {problem['msg'].removeprefix('Value error, ')}".lstrip(": ")


def source(flags: dict[str, Any], file: Path | None) -> Source:
    """Return where this process's settings come from."""
    return Source(flags, dict(os.environ), file)
