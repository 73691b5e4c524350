"""Just enough GraphQL: one operation per document, variables, arguments, aliases, connections; no fragments."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

_TOKEN = re.compile(r'[\s,]*(?:([_A-Za-z]\w*)|(\$\w+)|("(?:[^"\\]|\\.)*")|(-?\d+(?:\.\d+)?)|([!{}():\[\]=@]|\.\.\.))')


class GraphError(Exception):
    """What the API answers as an entry of ``errors``."""

    def __init__(self, message: str, code: int | None = None, **facts: Any) -> None:
        super().__init__(message)
        self.facts = {"message": message, **({} if code is None else {"code": code}), **facts}


class Field(msgspec.Struct, frozen=True):
    name: str
    alias: str
    args: dict[str, Any]
    fields: tuple["Field", ...]


class Parsed(msgspec.Struct, frozen=True):
    kind: str  # query or mutation
    fields: tuple[Field, ...]


def parse(document: str, variables: Mapping[str, Any]) -> Parsed:
    """The document with its variables put in. Raises ``GraphError`` for what is not GraphQL of this kind."""
    return _Parser(document, variables).document()


class _Parser:
    def __init__(self, document: str, variables: Mapping[str, Any]) -> None:
        self._tokens = list(_tokens(document))
        self._at = 0
        self._variables = variables
        self._declared: set[str] = set()

    def document(self) -> Parsed:
        kind = "query"
        if self._next in ("query", "mutation"):
            kind = self._take()
            if self._next not in ("(", "{"):
                self._take()
            if self._next == "(":
                self._declarations()
        fields = self._selection()
        if self._next:
            raise GraphError(f"Syntax Error: unexpected {self._next!r}")
        return Parsed(kind, fields)

    @property
    def _next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self, expected: str | None = None) -> str:
        token = self._next
        if not token or (expected is not None and token != expected):
            raise GraphError(f"Syntax Error: expected {expected or 'more'}, found {token or 'the end'!r}")
        self._at += 1
        return token

    def _declarations(self) -> None:
        self._take("(")
        while self._next != ")":
            name = self._take()
            self._take(":")
            required = self._type()
            self._declared.add(name[1:])
            if required and self._variables.get(name[1:]) is None:
                raise GraphError(f'Variable "{name}" of required type was not provided.')
        self._take(")")

    def _type(self) -> bool:
        """Reads a type; whether it is required."""
        if self._next == "[":
            self._take()
            self._type()
            self._take("]")
        else:
            self._take()
        if self._next == "!":
            self._take()
            return True
        return False

    def _selection(self) -> tuple[Field, ...]:
        self._take("{")
        fields = []
        while self._next != "}":
            fields.append(self._field())
        self._take("}")
        return tuple(fields)

    def _field(self) -> Field:
        alias = name = self._take()
        if self._next == ":":
            self._take()
            name = self._take()
        args: dict[str, Any] = {}
        if self._next == "(":
            self._take()
            while self._next != ")":
                key = self._take()
                self._take(":")
                args[key] = self._value()
            self._take(")")
        return Field(name, alias, args, self._selection() if self._next == "{" else ())

    def _value(self) -> Any:
        word = self._take()
        if word.startswith("$"):
            if word[1:] not in self._declared:
                raise GraphError(f'Variable "{word}" is not defined.')
            return self._variables.get(word[1:])
        if word == "[":
            return list(self._until("]"))
        if word == "{":
            return self._object()
        if word in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[word]
        return msgspec.json.decode(word) if word[0] in '"-0123456789' else word

    def _until(self, end: str) -> Iterator[Any]:
        while self._next != end:
            yield self._value()
        self._take(end)

    def _object(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self._next != "}":
            key = self._take()
            self._take(":")
            found[key] = self._value()
        self._take("}")
        return found


def _tokens(document: str) -> Iterator[str]:
    at = 0
    text = document.rstrip(", \n\t\r")
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise GraphError(f"Syntax Error: unexpected character {text[at:].lstrip()[:1]!r}")
        at = found.end()
        yield found[0].lstrip(", \n\t\r")
