"""What people and tools are told of the plain endpoints: the form of answers, OpenAPI 3.1, a page to try a row."""

from __future__ import annotations

from typing import Any

from autoglm import __version__
from autoglm.kit.settings import ServeSettings
from autoglm.serving.schema import Field
from autoglm.serving.service import Answer, Model

TYPES: dict[str, dict[str, Any]] = {
    "number": {"type": ["number", "null"]},
    "boolean": {"type": ["boolean", "null"]},
    "date": {"type": ["string", "null"], "format": "date-time", "description": "ISO 8601"},
    "text": {"type": ["string", "null"]},
    "bytes": {"type": ["string", "null"], "contentEncoding": "base64"},
    "vector": {"type": ["array", "null"], "items": {"type": "number"}, "minItems": 1},
}
REFUSALS = {
    "400": "no JSON",
    "401": "no valid token",
    "413": "too many rows or bytes",
    "415": "another content type",
    "422": "rows that cannot be read; the message names row and column",
    "429": "too many requests at once",
    "500": "a fault of the service",
    "504": "the deadline passed",
}


def answers(answer: Answer) -> dict[str, Any]:
    """Return an answer as /predict gives it."""
    labels = answer.labels.tolist()
    probability = answer.probability
    if probability is None:
        return {"answers": labels}
    classes = list(map(str, answer.model.task.classes))
    return {"answers": labels, "classes": classes, "probabilities": probability.tolist()}


def document(model: Model, settings: ServeSettings) -> dict[str, Any]:
    """Return the OpenAPI document of the plain endpoints."""
    row = {
        "type": "object",
        "required": [field.name for field in model.schema.fields],
        "properties": {field.name: TYPES[field.storage] for field in model.schema.fields},
        "additionalProperties": False,
    }
    rows = {"type": "array", "items": row, "minItems": 1, "maxItems": settings.rows}
    body = {"type": "object", "required": ["rows"], "properties": {"rows": rows}, "additionalProperties": False}
    paths = {"/predict": ("Answer rows", _answer_schema(model)), "/explain": ("Explain rows", {"type": "object"})}
    found: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": f"{settings.name}: {model.task.target}", "version": model.version},
        "paths": {path: {"post": _operation(words, body, schema)} for path, (words, schema) in paths.items()},
    }
    if settings.token:
        found["components"] = {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}}
        found["security"] = [{"token": []}]
    return found


def _operation(words: str, body: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    error = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
    refused = {
        code: {"description": why, "content": {"application/json": {"schema": error}}} for code, why in REFUSALS.items()
    }
    well = {"description": "what was asked for", "content": {"application/json": {"schema": schema}}}
    asked = {"required": True, "content": {"application/json": {"schema": body}}}
    return {"summary": words, "requestBody": asked, "responses": {"200": well, **refused}}


def _answer_schema(model: Model) -> dict[str, Any]:
    number = {"type": "array", "items": {"type": "number"}}
    found: dict[str, Any] = {"answers": {"type": "array"}, "model": {"type": "string"}, "version": {"type": "string"}}
    if model.task.kind != "regression":
        found |= {"classes": {"type": "array"}, "probabilities": {"type": "array", "items": number}}
    return {"type": "object", "required": list(found), "properties": found}


def page(model: Model, name: str) -> str:
    """Return the page to try a row: a form from the schema, the answer, and what each column adds to it."""
    import jinja2

    loader = jinja2.PackageLoader("autoglm", "templates")
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("serve.html.jinja").render(
        name=name,
        target=model.task.target,
        version=model.version,
        software=__version__,
        fields=[{"name": f.name, "storage": f.storage, "kind": f.kind, "hint": _hint(f)} for f in model.schema.fields],
        classes=list(map(str, model.task.classes)),
    )


def _hint(field: Field) -> str:
    hints = {"date": "2026-01-31", "bytes": "base64", "vector": "[0.1, 0.2]", "number": "a number"}
    return hints.get(field.storage, "")
