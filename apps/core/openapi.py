"""The API's description, put together from the declarations beside each view.

A view of the API says what it takes and gives with `@operation(...)`; the types are the very ones
that decode requests and encode answers, so the document cannot drift from the code.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec

from apps.core.problem import CONTENT_TYPE as PROBLEM
from apps.core.problem import Problem

JSON = "application/json"
VERSION = "1.0.0"
View = TypeVar("View", bound=Callable[..., Any])

SECURITY = {
    "sourceKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "A source's key, from `manage.py issue_key SOURCE`. Writes events.",
    },
    "userToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "A person's token, from `manage.py issue_token USER`. Reads what they may.",
    },
}


@dataclass(frozen=True)
class Parameter:
    """One value in the path, the query string or a header."""

    name: str
    description: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    place: str = "query"
    required: bool = False


@dataclass(frozen=True)
class Body:
    """What a request carries, by media type: a type, or a JSON schema where no type says it."""

    content: Mapping[str, Any]
    examples: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    tag: str
    summary: str
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    answers: Mapping[int, Any] = field(default_factory=dict)
    problems: Mapping[int, str] = field(default_factory=dict)
    security: tuple[str, ...] = ("userToken",)
    position: int = 0


# Subjects in the order in which a newcomer needs them; any other comes after.
TAGS = ("Events", "Catalogue", "Scorecards", "Transactions", "Quarantine")

_operations: dict[tuple[str, str], Operation] = {}


def operation(**declared: Any) -> Callable[[View], View]:
    """Declare what a view does for the API's description. The arguments are Operation's fields."""
    described = Operation(**declared)

    def declare(view: View) -> View:
        _operations[described.path, described.method] = described
        return view

    return declare


def operations() -> list[Operation]:
    """Every declared operation, by subject, declared position and path."""
    return sorted(
        _operations.values(),
        key=lambda one: (_rank(one.tag), one.tag, one.position, one.path, one.method),
    )


def _rank(tag: str) -> int:
    return TAGS.index(tag) if tag in TAGS else len(TAGS)


def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    declared = operations()
    types = [kind for one in declared for kind in _types(one)] + [Problem]
    _, components = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}"
    )
    paths: dict[str, dict[str, Any]] = {}
    for one in declared:
        paths.setdefault(one.path, {})[one.method] = _describe(one)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Throughline API",
            "version": VERSION,
            "description": "Send events, ask what became of them, read scorecards.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": SECURITY},
    }


def _types(one: Operation) -> list[Any]:
    contents = [*one.answers.values(), *(one.body.content.values() if one.body else ())]
    return [kind for kind in contents if kind is not None and not isinstance(kind, Mapping)]


def _schema(kind: Any) -> Mapping[str, Any]:
    if isinstance(kind, Mapping):
        return kind
    [schema], _ = msgspec.json.schema_components([kind], ref_template="#/components/schemas/{name}")
    return schema


def _describe(one: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": _name(one),
        "tags": [one.tag],
        "summary": one.summary,
        "description": one.description,
        "parameters": [_parameter(parameter) for parameter in one.parameters],
        "responses": _answers(one),
        "security": [{scheme: []} for scheme in one.security],
    }
    if one.body:
        described["requestBody"] = {
            "required": True,
            "description": one.body.description,
            "content": {media: _content(media, one.body) for media in one.body.content},
        }
    return described


def _name(one: Operation) -> str:
    words = one.path.removeprefix("/api/v1/").replace("{", "").replace("}", "").split("/")
    return "_".join([one.method, *words]).replace(".", "_")


def _parameter(one: Parameter) -> dict[str, Any]:
    return {
        "name": one.name,
        "in": one.place,
        "required": one.required or one.place == "path",
        "description": one.description,
        "schema": dict(one.schema),
    }


def _content(media: str, body: Body) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": _schema(body.content[media])}
    if media in body.examples:
        content["examples"] = {"example": {"value": body.examples[media]}}
    return content


def _answers(one: Operation) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for status, kind in one.answers.items():
        answers[str(status)] = {"description": HTTPStatus(status).phrase}
        if kind is not None:
            answers[str(status)]["content"] = {JSON: {"schema": _schema(kind)}}
    for status, description in one.problems.items():
        answers[str(status)] = {
            "description": description,
            "content": {PROBLEM: {"schema": _schema(Problem)}},
        }
    return answers
