"""The part of OData that the API's lists understand: $filter, $orderby, $top, $select and pages by $skiptoken.

As in Business Central, ``or`` between different fields is refused and a page holds what ``odata.maxpagesize`` asks for.
"""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from crossdock.simulators.businesscentral.answers import Refusal

Row = dict[str, Any]
LARGEST_PAGE = 20_000
_TOKEN = re.compile(r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<mark>[(),])|(?P<word>[^\s(),']+))")
_COMPARE = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
}


def refused(why: str) -> Refusal:
    return Refusal(400, "BadRequest", f"Invalid query: {why}")


def selected(rows: Iterable[Row], query: Mapping[str, str], fields: Iterable[str]) -> list[Row]:
    """The rows that the query wants, in its order."""
    known = frozenset(fields)
    unknown = [
        name for name in query if name not in ("$filter", "$orderby", "$top", "$select", "$expand", "$skiptoken")
    ]
    if unknown:
        raise refused(f"the query parameter {unknown[0]} is not supported")
    wanted = _Filter(query["$filter"], known) if query.get("$filter") else None
    kept = [row for row in rows if wanted is None or wanted(row)]
    order = [name.strip() for name in query.get("$orderby", "").split(",") if name.strip()]
    for name in order:
        if name not in known:
            raise refused(f"could not find a property named '{name}'")
    return sorted(kept, key=lambda row: _key(row, order))


def page(rows: list[Row], query: Mapping[str, str], prefer: str) -> tuple[list[Row], str | None]:
    """The page that begins after ``$skiptoken``, and the token of the next one."""
    order = [name.strip() for name in query.get("$orderby", "").split(",") if name.strip()]
    if "$skiptoken" in query:
        after = _after(query["$skiptoken"])
        rows = [row for row in rows if _key(row, order) > after]
    if "$top" in query:
        if not query["$top"].isdecimal():
            raise refused("$top must be a number")
        return rows[: int(query["$top"])], None
    asked = re.search(r"odata\.maxpagesize=(\d+)", prefer)
    size = min(int(asked[1]), LARGEST_PAGE) if asked else LARGEST_PAGE
    if len(rows) <= size:
        return rows, None
    last = json.dumps(_key(rows[size - 1], order)).encode()
    return rows[:size], base64.urlsafe_b64encode(last).decode()


def _after(token: str) -> tuple[str, ...]:
    try:
        return tuple(json.loads(base64.urlsafe_b64decode(token)))
    except ValueError as error:
        raise refused("the $skiptoken is not one of ours") from error


def _key(row: Row, order: list[str]) -> tuple[str, ...]:
    return (*(str(row[name]) for name in order), str(row["id"]))


class _Filter:
    """``field op literal`` joined by ``and``; ``or`` only over one field; brackets."""

    def __init__(self, text: str, known: frozenset[str]) -> None:
        self._tokens, self._at, self._known = _tokens(text), 0, known
        self._test = self._either()
        if self._at != len(self._tokens):
            raise refused(f"syntax error at '{self._tokens[self._at]}'")

    def __call__(self, row: Row) -> bool:
        return bool(self._test[0](row))

    def _either(self) -> Any:
        test, names = self._both()
        while self._next("or"):
            other, more = self._both()
            if names | more != names:
                raise refused("an OR operator cannot be used over different fields")
            test = (lambda a, b: lambda row: a(row) or b(row))(test, other)
        return test, names

    def _both(self) -> Any:
        test, names = self._one()
        while self._next("and"):
            other, more = self._one()
            test, names = (lambda a, b: lambda row: a(row) and b(row))(test, other), names | more
        return test, names

    def _one(self) -> Any:
        if self._next("("):
            inner = self._either()
            self._must(")")
            return inner
        name = self._take()
        if name == "startswith":
            return self._starts()
        if name not in self._known:
            raise refused(f"could not find a property named '{name}'")
        compare, value = _COMPARE.get(self._take()), self._take()
        if compare is None:
            raise refused("a comparison was expected")
        return (lambda row: compare(*_alike(row[name], value))), {name}

    def _starts(self) -> Any:
        self._must("(")
        name = self._take()
        self._must(",")
        value = self._take()
        self._must(")")
        if name not in self._known:
            raise refused(f"could not find a property named '{name}'")
        return (lambda row: str(row[name]).upper().startswith(_text(value).upper())), {name}

    def _take(self) -> str:
        if self._at >= len(self._tokens):
            raise refused("the filter ends too soon")
        self._at += 1
        return self._tokens[self._at - 1]

    def _next(self, word: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == word:
            self._at += 1
            return True
        return False

    def _must(self, word: str) -> None:
        if not self._next(word):
            raise refused(f"'{word}' was expected")


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    while at < len(text.rstrip()):
        token = _TOKEN.match(text, at)
        if token is None:
            raise refused(f"syntax error at position {at}")
        found.append(token[0].strip())
        at = token.end()
    return found


def _text(literal: str) -> str:
    if not (literal.startswith("'") and literal.endswith("'") and len(literal) > 1):
        raise refused(f"a string was expected instead of {literal}")
    return literal[1:-1].replace("''", "'")


def _alike(value: Any, literal: str) -> tuple[Any, Any]:
    """Both as one type; a literal of another type is an error, as with the vendor. Codes know no case."""
    try:
        if isinstance(value, bool):
            return value, {"true": True, "false": False}[literal]
        if isinstance(value, Decimal | int):
            return Decimal(value), Decimal(literal)
        if literal.startswith("'"):
            return str(value).upper(), _text(literal).upper()
        if re.match(r"\d{4}-\d\d-\d\dT", literal):
            return _instant(str(value)), _instant(literal)
        return str(value), literal
    except (KeyError, InvalidOperation, ValueError) as error:
        raise refused(f"the literal {literal} does not fit its field") from error


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
