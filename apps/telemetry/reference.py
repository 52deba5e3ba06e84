"""The API's description as a page shows it: operations by subject, fields as rows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import msgspec

from apps.core import openapi


@dataclass(frozen=True)
class Span:
    """A piece of a sentence; what stood between backticks is code."""

    text: str
    is_code: bool


@dataclass(frozen=True)
class Field:
    """A row of a table of fields."""

    name: str
    kind: str
    required: bool
    note: list[Span]


@dataclass(frozen=True)
class Example:
    """A body of a request, as somebody would send it."""

    media: str
    text: str


@dataclass(frozen=True)
class Answer:
    """One status an operation answers with."""

    status: str
    description: str
    schema: str


@dataclass(frozen=True)
class Entry:
    """One operation."""

    anchor: str
    method: str
    path: str
    summary: str
    description: list[Span]
    security: tuple[str, ...]
    parameters: list[Field]
    examples: list[Example]
    answers: list[Answer]


@dataclass(frozen=True)
class Section:
    """The operations about one subject."""

    tag: str
    entries: list[Entry]


@dataclass(frozen=True)
class Schema:
    """A type, as a table of fields."""

    name: str
    description: str
    fields: list[Field] = field(default_factory=list)


@dataclass(frozen=True)
class Reference:
    """Everything on the page."""

    sections: list[Section]
    schemas: list[Schema]


def reference() -> Reference:
    """The page's content, from the very document that clients read."""
    document = openapi.document()
    entries = list(_entries(document))
    return Reference(
        sections=[
            Section(tag, [entry for _, entry in group])
            for tag, group in groupby(entries, key=lambda pair: pair[0])
        ],
        schemas=[_schema(name, body) for name, body in document["components"]["schemas"].items()],
    )


def _entries(document: Mapping[str, Any]) -> Iterator[tuple[str, Entry]]:
    for one in openapi.operations():
        described = document["paths"][one.path][one.method]
        yield (
            one.tag,
            Entry(
                anchor=described["operationId"],
                method=one.method.upper(),
                path=one.path,
                summary=one.summary,
                description=_spans(one.description),
                security=one.security,
                parameters=[_parameter(parameter) for parameter in described["parameters"]],
                examples=list(_examples(described)),
                answers=[
                    _answer(status, answer) for status, answer in described["responses"].items()
                ],
            ),
        )


def _parameter(parameter: Mapping[str, Any]) -> Field:
    return Field(
        parameter["name"],
        f"{_kind(parameter['schema'])} in {parameter['in']}",
        parameter["required"],
        _spans(parameter["description"]),
    )


def _spans(text: str) -> list[Span]:
    return [Span(part, bool(index % 2)) for index, part in enumerate(text.split("`"))]


def _examples(described: Mapping[str, Any]) -> Iterator[Example]:
    for media, content in described.get("requestBody", {}).get("content", {}).items():
        if "examples" in content:
            value = content["examples"]["example"]["value"]
            text = value if isinstance(value, str) else _pretty(value)
            yield Example(media, text)


def _pretty(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _answer(status: str, answer: Mapping[str, Any]) -> Answer:
    content = next(iter(answer.get("content", {}).values()), None)
    return Answer(status, answer["description"], _kind(content["schema"]) if content else "")


def _schema(name: str, body: Mapping[str, Any]) -> Schema:
    required = set(body.get("required", []))
    return Schema(
        name,
        body.get("description", ""),
        [
            Field(member, _kind(kind), member in required, _spans(_note(kind)))
            for member, kind in body.get("properties", {}).items()
        ],
    )


def _kind(schema: Mapping[str, Any]) -> str:
    """A type in a few words: `text`, `list of Rejection`, `one of ok, retry`."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "enum" in schema:
        return "one of " + ", ".join(str(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"] if one.get("type") != "null")
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    words = {"string": "text", "integer": "whole number", "boolean": "true or false"}
    kind = str(schema.get("type", "any"))
    return str(schema.get("format", words.get(kind, kind)))


def _note(schema: Mapping[str, Any]) -> str:
    """What else holds for a value, from the schema or from the one alternative that is not null."""
    for one in (schema, *schema.get("anyOf", ())):
        notes = [one["description"]] if "description" in one else []
        if "maxLength" in one:
            notes.append(f"at most {one['maxLength']} characters")
        if "maximum" in one:
            notes.append(f"{one.get('minimum', 0)} to {one['maximum']}")
        if notes:
            return "; ".join(notes)
    return ""
