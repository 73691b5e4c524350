"""A strict subset of SuiteQL: SELECT … FROM … JOIN … WHERE … GROUP BY … ORDER BY, with TO_CHAR, TO_DATE, UPPER, LOWER
and, of a group, SUM. Tables are joined ON a column of each, AND constants of the one that is added.

Everything outside it is refused, as NetSuite refuses it: unknown tables and columns, LIMIT, functions we do not know.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from crossdock.simulators.netsuite.suiteql_facts import NOTHING, Fact, Facts, at_least, both, either, equals
from crossdock.simulators.netsuite.suiteql_words import WORDS, lowered, refused, tokens

Row = dict[str, Any]
Value = Callable[[Row], Any]
Test = tuple[Callable[[Row], bool], Facts]
# Columns, and the rows; those that contradict the facts about a table's columns may be left out.
Tables = Mapping[str, tuple[frozenset[str], Callable[[Facts], Iterator[Row]]]]

_WALL = "YYYY-MM-DD HH24:MI:SS"
_FORMAT = "%Y-%m-%d %H:%M:%S"
_GROUP = "*group*"
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: bool(a == b),
    "<>": lambda a, b: bool(a != b),
    "!=": lambda a, b: bool(a != b),
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}


def run(statement: str, tables: Tables) -> list[dict[str, str]]:
    """All rows of the statement, as SuiteQL gives them: text, lower-case names, nulls left out."""
    return _Statement(statement, tables).rows()


class _Constant:
    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self, row: Row) -> Any:
        return self.value


class _Column:
    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, row: Row) -> Any:
        return row[self.name]


class _Join(msgspec.Struct, frozen=True):
    """``alias`` is joined where its column ``inner`` equals ``outer``, a column of a table before it; ``only``: what
    ON says of its other columns."""

    alias: str
    outer: str
    inner: str
    left: bool
    only: Facts


class _Statement:
    def __init__(self, text: str, tables: Tables) -> None:
        self._tokens = tokens(text)
        self._words = lowered(self._tokens)
        self._at = 0
        self._tables = tables
        self._aliases: dict[str, str] = {}

    def rows(self) -> list[dict[str, str]]:
        self._expect("select")
        columns_from = self._at
        self._skip_to_from()
        first, joins = self._sources()
        test, facts = self._either() if self._take("where") else (None, NOTHING)
        rows = self._joined(first, joins, dict(facts))
        if test is not None:
            rows = filter(test, rows)
        if self._take("group"):
            rows = self._groups(rows)
        keys = self._order()
        if self._at != len(self._tokens):
            raise refused(f"Unexpected {self._tokens[self._at]!r}.")
        self._at = columns_from
        columns = self._columns()
        result = list(rows)
        for key, reverse in reversed(keys):
            result.sort(key=_sortable(key), reverse=reverse)
        return [{name: _text(value(row)) for name, value in columns if value(row) is not None} for row in result]

    # -- FROM ---------------------------------------------------------------------------------------------------

    def _skip_to_from(self) -> None:
        while self._peek() not in ("from", ""):
            self._at += 1
        self._expect("from")

    def _sources(self) -> tuple[str, list[_Join]]:
        """The alias that rows begin with, and what is joined to it."""
        first, joins = self._table(), []
        while self._peek() in ("join", "left", "inner"):
            left = self._take("left")
            self._take("inner")
            self._expect("join")
            joins.append(self._join(left))
        return first, joins

    def _table(self) -> str:
        name = self._name().lower()
        if name not in self._tables:
            raise refused(f"Record '{name}' was not found.")
        alias = name
        if self._peek() and self._peek() not in WORDS:
            alias = self._name().lower()
        self._aliases[alias] = name
        return alias

    def _join(self, left: bool) -> _Join:
        added = self._table()
        self._expect("on")
        one, other = self._column(), self._after("=", self._column)
        inner, outer = (one, other) if one.startswith(f"{added}.") else (other, one)
        only = NOTHING
        while self._take("and"):
            column = self._column()
            self._expect("=")
            value = self._value()
            if not column.startswith(f"{added}.") or not isinstance(value, _Constant):
                raise refused(f"Only constants of '{added}' are understood beside its key.")
            only = both(only, equals(column, (value.value,)))
        return _Join(added, outer, inner, left, only)

    def _joined(self, first: str, joins: list[_Join], facts: dict[str, Fact]) -> Iterator[Row]:
        """Equality joins, each through a hash. The last table of which values are known narrows those before it."""
        made: dict[str, list[Row]] = {}
        for join in reversed(joins):
            if not join.left and _names_values(facts, join.alias):
                made[join.alias] = self._joining(join, facts)
                known = {row[join.inner] for row in made[join.alias]}
                facts.update(both(facts, equals(join.outer, known)))
        rows = self._rows(first, facts)
        for join in joins:
            nothing = [dict.fromkeys(self._named(join.alias))] if join.left else []
            if join.alias not in made:
                before = list(rows)
                narrower = both(facts, equals(join.inner, (row[join.outer] for row in before)))
                rows, made[join.alias] = iter(before), self._joining(join, narrower)
            rows = _hash_join(rows, made[join.alias], join.outer, join.inner, nothing)
        return rows

    def _joining(self, join: _Join, facts: Facts) -> list[Row]:
        rows = self._rows(join.alias, both(facts, join.only))
        return [row for row in rows if all(fact.admits(row[name]) for name, fact in join.only.items())]

    def _rows(self, alias: str, facts: Facts) -> Iterator[Row]:
        own = {name.partition(".")[2]: fact for name, fact in facts.items() if name.startswith(f"{alias}.")}
        names = {column: f"{alias}.{column}" for column in self._tables[self._aliases[alias]][0]}
        rows = self._tables[self._aliases[alias]][1](own)
        return ({names[column]: value for column, value in row.items()} for row in rows)

    def _named(self, alias: str) -> Iterator[str]:
        return (f"{alias}.{column}" for column in self._tables[self._aliases[alias]][0])

    # -- WHERE --------------------------------------------------------------------------------------------------

    def _either(self) -> Test:
        parts = [self._both()]
        while self._take("or"):
            parts.append(self._both())
        if len(parts) == 1:
            return parts[0]
        tests = [test for test, _ in parts]
        return lambda row: any(test(row) for test in tests), either([facts for _, facts in parts])

    def _both(self) -> Test:
        test, facts = self._test()
        tests = [test]
        while self._take("and"):
            test, more = self._test()
            tests.append(test)
            facts = both(facts, more)
        return (tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)), facts

    def _test(self) -> Test:
        if self._take("("):
            inner = self._either()
            self._expect(")")
            return inner
        value = self._value()
        if self._take("is"):
            negated = self._take("not")
            self._expect("null")
            return lambda row: (value(row) is None) != negated, NOTHING
        if self._take("in"):
            return self._within(value)
        operator = self._next()
        if operator not in _COMPARE:
            raise refused(f"Unexpected {operator!r}.")
        compare, other = _COMPARE[operator], self._value()
        return lambda row: _compared(compare, value(row), other(row)), _fact(value, operator, other)

    def _within(self, value: Value) -> Test:
        self._expect("(")
        options = [self._value()]
        while self._take(","):
            options.append(self._value())
        self._expect(")")
        if isinstance(value, _Column) and all(isinstance(option, _Constant) for option in options):
            known = frozenset(option({}) for option in options)
            return lambda row: value(row) in known, equals(value.name, known)
        return lambda row: any(_compared(_COMPARE["="], value(row), option(row)) for option in options), NOTHING

    def _groups(self, rows: Iterator[Row]) -> Iterator[Row]:
        """The first row of each group, with all of them under ``_GROUP``: what SUM adds up."""
        self._expect("by")
        keys = [self._value()]
        while self._take(","):
            keys.append(self._value())
        groups: dict[tuple[Any, ...], list[Row]] = {}
        for row in rows:
            groups.setdefault(tuple(key(row) for key in keys), []).append(row)
        return iter([{**group[0], _GROUP: group} for group in groups.values()])

    # -- values -------------------------------------------------------------------------------------------------

    def _columns(self) -> list[tuple[str, Value]]:
        columns = []
        while True:
            start = self._tokens[self._at : self._at + 3]
            value = self._value()
            name = start[2] if len(start) > 2 and start[1] == "." else start[0]
            if self._take("as"):
                name = self._name()
            columns.append((name.lower(), value))
            if not self._take(","):
                return columns

    def _value(self) -> Value:
        token = self._next()
        if token.startswith("'"):
            return _Constant(token[1:-1].replace("''", "'"))
        if token[:1].isdigit():
            return _Constant(int(token))
        if self._peek() == "(":
            return self._function(token.upper())
        self._at -= 1
        return _Column(self._column())

    def _function(self, name: str) -> Value:
        self._expect("(")
        value = self._value()
        if name in ("TO_CHAR", "TO_DATE"):
            pattern = self._after(",", self._next)
            if pattern != f"'{_WALL}'":
                raise refused(f"Unknown format {pattern}.")
        self._expect(")")
        if name == "SUM":
            return lambda row: _sum(value, row)
        if name == "TO_CHAR":
            return lambda row: None if value(row) is None else value(row).strftime(_FORMAT)
        if name == "TO_DATE":
            return _Constant(_date(value({}))) if isinstance(value, _Constant) else lambda row: _date(value(row))
        if name in ("UPPER", "LOWER"):
            return lambda row: None if value(row) is None else getattr(str(value(row)), name.lower())()
        raise refused(f"Unknown function {name}.")

    def _column(self) -> str:
        alias = self._name().lower()
        if not self._take("."):
            if len(self._aliases) != 1:
                raise refused(f"Field '{alias}' is ambiguous.")
            alias, column = next(iter(self._aliases)), alias
        else:
            column = self._name().lower()
        if alias not in self._aliases:
            raise refused(f"Unknown identifier '{alias}'.")
        table = self._aliases[alias]
        if column not in self._tables[table][0]:
            raise refused(f"Field '{column}' for record '{table}' was not found. Reason: NOT_EXPOSED.")
        return f"{alias}.{column}"

    def _order(self) -> list[tuple[Value, bool]]:
        keys: list[tuple[Value, bool]] = []
        if not self._take("order"):
            return keys
        self._expect("by")
        while True:
            value = self._value()
            reverse = self._take("desc")
            keys.append((value, reverse))
            self._take("asc")
            if not self._take(","):
                return keys

    # -- tokens -------------------------------------------------------------------------------------------------

    def _peek(self) -> str:
        return self._words[self._at] if self._at < len(self._words) else ""

    def _next(self) -> str:
        if self._at >= len(self._tokens):
            raise refused("Unexpected end of query.")
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, word: str) -> bool:
        if self._peek() != word:
            return False
        self._at += 1
        return True

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise refused(f"Expected {word!r}, found {self._peek()!r}.")

    def _after(self, word: str, read: Callable[[], str]) -> str:
        self._expect(word)
        return read()

    def _name(self) -> str:
        token = self._next()
        if not token[0].isalpha() or token.lower() in WORDS:
            raise refused(f"Expected a name, found {token!r}.")
        return token


@lru_cache(maxsize=256)
def _date(text: str) -> datetime:
    return datetime.strptime(text, _FORMAT)  # noqa: DTZ007 - the account's wall time


def _hash_join(rows: Iterator[Row], right: list[Row], outer: str, inner: str, nothing: list[Row]) -> Iterator[Row]:
    index: dict[Any, list[Row]] = {}
    for row in right:
        if row[inner] is not None:
            index.setdefault(str(row[inner]), []).append(row)
    for row in rows:
        for match in index.get(str(row[outer]), nothing):
            yield {**row, **match}


def _names_values(facts: Facts, alias: str) -> bool:
    return any(fact.values is not None for name, fact in facts.items() if name.startswith(f"{alias}."))


def _fact(value: Value, operator: str, other: Value) -> Facts:
    """What a comparison of a column with a constant says of the column."""
    if isinstance(value, _Column) and isinstance(other, _Constant):
        if operator == "=":
            return equals(value.name, (other.value,))
        if operator in (">", ">="):
            return at_least(value.name, other.value)
    return NOTHING


def _compared(compare: Callable[[Any, Any], bool], a: Any, b: Any) -> bool:
    if a is None or b is None:
        return False
    try:
        return compare(a, b)
    except TypeError as error:
        raise refused(f"Cannot compare {a!r} with {b!r}.") from error


def _sum(value: Value, row: Row) -> Any:
    if _GROUP not in row:
        raise refused("SUM needs GROUP BY.")
    amounts = [value(each) for each in row[_GROUP] if value(each) is not None]
    return sum(amounts[1:], amounts[0]) if amounts else None


def _sortable(key: Value) -> Callable[[Row], tuple[bool, Any]]:
    return lambda row: (key(row) is None, key(row))


def _text(value: Any) -> str:
    return value.strftime(_FORMAT) if isinstance(value, datetime) else str(value)
