"""A small GraphQL: enough to read a client's documents and answer the fields they select, as Shopify does.

A value is a dict with ``__typename`` and its fields; a field may be a function of its arguments. A selected field
that is not there is an error, so a client cannot ask for what the vendor does not have.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from math import ceil, sqrt
from typing import Any

import msgspec

_TOKEN = re.compile(r'[\s,]+|#[^\n]*|(?P<token>\.\.\.|"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?|[A-Za-z_]\w*|[$(){}\[\]:!=@])')


class GraphError(Exception):
    """What Shopify answers in ``errors``."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class Field(msgspec.Struct):
    """One selected field. ``on``: the type condition of the inline fragment it stands in."""

    name: str
    alias: str
    arguments: dict[str, Any]
    selection: list["Field"]
    on: str | None = None


class Variable(msgspec.Struct, frozen=True):
    name: str


class Document(msgspec.Struct):
    kind: str  # query, mutation
    selection: list[Field]


@lru_cache(maxsize=256)  # clients send the same few documents; nobody changes what was read from them
def parse(text: str) -> Document:
    """One operation; raises ``GraphError`` for what is not GraphQL (or more of it than this reads)."""
    tokens, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise GraphError(f"syntax error, unexpected {text[at]!r}", "parseError")
        if match["token"]:
            tokens.append(match["token"])
        at = match.end()
    return _Parser(tokens).document()


class _Parser:
    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens, self.at = tokens, 0

    def document(self) -> Document:
        kind = "query"
        if self.peek() in ("query", "mutation"):
            kind = self.take()
            while self.peek() != "{":  # the name and the variables' types: values speak for themselves here
                self.take()
        return Document(kind, self.selection(None))

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        word = self.peek()
        if not word or (wanted and word != wanted):
            raise GraphError(f"syntax error, expected {wanted or 'more'}, found {word or 'the end'}", "parseError")
        self.at += 1
        return word

    def selection(self, on: str | None) -> list[Field]:
        self.take("{")
        fields: list[Field] = []
        while self.peek() != "}":
            if self.peek() == "...":
                self.take()
                self.take("on")
                fields += self.selection(self.take())
            else:
                fields.append(self.field(on))
        self.take("}")
        return fields

    def field(self, on: str | None) -> Field:
        alias = name = self.take()
        if self.peek() == ":":
            self.take()
            name = self.take()
        arguments = {}
        if self.peek() == "(":
            self.take()
            while self.peek() != ")":
                key = self.take()
                self.take(":")
                arguments[key] = self.value()
            self.take(")")
        while self.peek() == "@":  # directives are told to the field's function beside its arguments
            self.take()
            directive = f"@{self.take()}"
            self.take("(")
            key = self.take()
            self.take(":")
            arguments[directive] = {key: self.value()}
            self.take(")")
        return Field(name, alias, arguments, self.selection(None) if self.peek() == "{" else [], on)

    def value(self) -> Any:
        word = self.take()
        if word == "$":
            return Variable(self.take())
        if word == "[":
            items = []
            while self.peek() != "]":
                items.append(self.value())
            self.take("]")
            return items
        if word == "{":
            found = {}
            while self.peek() != "}":
                key = self.take()
                self.take(":")
                found[key] = self.value()
            self.take("}")
            return found
        if word.startswith('"') or word.lstrip("-").replace(".", "", 1).isdigit():
            return msgspec.json.decode(word)
        return {"true": True, "false": False, "null": None}.get(word, word)  # else an enum


def execute(document: Document, root: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    """The selected fields of ``root``; raises ``GraphError`` for a field that does not exist."""
    return _select(document.selection, root, variables)


def _select(selection: Sequence[Field], value: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    typename = value["__typename"]
    for field in selection:
        if field.on is not None and field.on != typename:
            continue
        if field.name not in value:
            raise GraphError(f"Field '{field.name}' doesn't exist on type '{typename}'", "undefinedField")
        inner = value[field.name]
        if callable(inner):
            inner = inner({name: resolved(argument, variables) for name, argument in field.arguments.items()})
        found[field.alias] = _complete(field, inner, variables)
    return found


def _complete(field: Field, value: Any, variables: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_complete(field, item, variables) for item in value]
    if isinstance(value, dict):
        if not field.selection:
            raise GraphError(f"Field '{field.name}' must have selections", "selectionMismatch")
        return _select(field.selection, value, variables)
    return value


def resolved(argument: Any, variables: Mapping[str, Any]) -> Any:
    """An argument with its variables filled in."""
    if isinstance(argument, Variable):
        return variables.get(argument.name)
    if isinstance(argument, list):
        return [resolved(item, variables) for item in argument]
    if isinstance(argument, dict):
        return {name: resolved(item, variables) for name, item in argument.items()}
    return argument


def cost(document: Document, variables: Mapping[str, Any]) -> int:
    """Points a document is charged: 1 an object, 10 a mutation, lists by the root of their size.

    Shopify does not publish its formula in full; this one has its shape (scalars free, growing with ``first``).
    """
    base = 10 if document.kind == "mutation" else 0
    return base + sum(_cost(field, variables) for field in document.selection)


def _cost(field: Field, variables: Mapping[str, Any]) -> int:
    if not field.selection:
        return 0
    inner = 1 + sum(_cost(each, variables) for each in field.selection)
    first = resolved(field.arguments.get("first"), variables)
    return inner if first is None else ceil(inner * sqrt(max(1, int(first))))


def actual_cost(document: Document, answer: Any) -> int:
    """What the answer really held: 1 an object, 10 a mutation."""
    return (10 if document.kind == "mutation" else 0) + _objects(answer) - 1


def _objects(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + sum(_objects(inner) for inner in value.values())
    return sum(_objects(item) for item in value) if isinstance(value, list) else 0


Paged = Callable[[Mapping[str, Any]], dict[str, Any]]


def connection(typename: str, nodes: Sequence[dict[str, Any]]) -> Paged:
    """A paged list: ``first``/``after`` by position."""

    def page(arguments: Mapping[str, Any]) -> dict[str, Any]:
        first, after = arguments.get("first"), arguments.get("after")
        if first is None:
            raise GraphError("you must provide one of first or last", "BAD_REQUEST")
        start = int(after) if after else 0
        shown = list(nodes[start : start + int(first)])
        end = start + len(shown)
        return {
            "__typename": typename,
            "nodes": shown,
            "pageInfo": page_info(str(end) if shown else None, end < len(nodes)),
        }

    return page


def page_info(end_cursor: str | None, more: bool) -> dict[str, Any]:
    return {"__typename": "PageInfo", "hasNextPage": more, "endCursor": end_cursor}
