"""SuiteQL reads no more of a table than the statement can mean, and answers as if it had read all of it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossdock.simulators.netsuite.answers import Refusal
from crossdock.simulators.netsuite.suiteql import Row, Tables, run
from crossdock.simulators.netsuite.suiteql_facts import Facts

ORDERS: list[Row] = [
    {"id": n, "kind": kind, "amount": amount, "origin": origin}
    for n, (kind, amount, origin) in enumerate(
        [("a", 5, None), ("b", 7, 1), (None, 5, 1), ("a", None, 2), ("c", 1, 3), ("b", 2, 9), ("a", 9, 4)], 1
    )
]
LINES: list[Row] = [{"doc": doc, "n": n, "sku": sku} for doc in (1, 2, 2, 4, 6, 8) for n, sku in ((0, None), (1, "x"))]
ROWS = {"orders": ORDERS, "lines": LINES}


def tables(*, narrowed: bool, read: list[Row] | None = None) -> Tables:
    """The same tables, which leave out what contradicts the facts, or never do."""

    def reading(rows: list[Row]) -> Callable[[Facts], Iterator[Row]]:
        def told(facts: Facts) -> Iterator[Row]:
            for row in rows:
                if not narrowed or all(fact.admits(row[column]) for column, fact in facts.items()):
                    if read is not None:
                        read.append(row)
                    yield row

        return told

    return {name: (frozenset(rows[0]), reading(rows)) for name, rows in ROWS.items()}


number = st.integers(0, 9).map(str)
text = st.sampled_from(["'a'", "'b'", "'x'", "'zz'"])


def compared(alias: str, numbers: list[str], texts: list[str]) -> st.SearchStrategy[str]:
    operator = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
    return st.one_of(
        st.builds("{}.{} {} {}".format, st.just(alias), st.sampled_from(numbers), operator, number),
        st.builds("{}.{} {} {}".format, st.just(alias), st.sampled_from(texts), st.sampled_from(["=", "<>"]), text),
        st.builds(
            lambda column, options: f"{alias}.{column} IN ({', '.join(options)})",
            st.sampled_from(numbers),
            st.lists(number, min_size=1, max_size=4),
        ),
        st.builds("{}.{} IS {}".format, st.just(alias), st.sampled_from(texts), st.sampled_from(["NULL", "NOT NULL"])),
    )


def conditions(*leaves: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.recursive(
        st.one_of(*leaves),
        lambda inner: st.builds("({} {} {})".format, inner, st.sampled_from(["AND", "OR"]), inner),
        max_leaves=6,
    )


ORDER = compared("o", ["id", "amount", "origin"], ["kind"])
LINE = compared("l", ["doc", "n"], ["sku"])


def told(statement: str, *, narrowed: bool) -> Any:
    return run(statement, tables(narrowed=narrowed))


@given(conditions(ORDER))
def test_leaving_rows_out_changes_no_answer(where: str) -> None:
    statement = f"SELECT o.id, o.kind FROM orders o WHERE {where} ORDER BY o.id"
    assert told(statement, narrowed=True) == told(statement, narrowed=False)


@given(
    conditions(ORDER, LINE),
    st.sampled_from(["JOIN", "LEFT JOIN"]),
    st.sampled_from(["", " AND l.n = 1", " AND l.sku = 'x' AND l.n = 0"]),
)
def test_nor_does_it_in_a_join(where: str, join: str, only: str) -> None:
    on = f"ON l.doc = o.id{only}"
    statement = f"SELECT o.id, l.n, l.sku FROM orders o {join} lines l {on} WHERE {where} ORDER BY o.id, l.n"
    assert told(statement, narrowed=True) == told(statement, narrowed=False)


@given(conditions(ORDER, LINE))
def test_nor_where_a_table_is_joined_to_itself(where: str) -> None:
    statement = (
        "SELECT o.id, p.id AS origin, l.n FROM orders o JOIN lines l ON l.doc = o.id JOIN orders p ON p.id = o.origin "
        f"WHERE {where} ORDER BY o.id, l.n"
    )
    assert told(statement, narrowed=True) == told(statement, narrowed=False)


@pytest.mark.parametrize(
    ("statement", "most"),
    [
        ("SELECT o.id FROM orders o WHERE o.kind = 'c'", 1),
        ("SELECT o.id FROM orders o WHERE o.kind IN ('a', 'c') AND o.amount > 5", 4),
        ("SELECT o.id FROM orders o WHERE (o.amount > 6 OR (o.amount = 6 AND o.id > 2))", 2),
        ("SELECT o.id FROM orders o JOIN lines l ON l.doc = o.id WHERE o.kind = 'b'", 2 + 2 * 3),
        ("SELECT o.id FROM orders o JOIN lines l ON l.doc = o.id WHERE l.doc IN (4)", 1 + 2),
    ],
)
def test_it_reads_no_more_than_can_be_meant(statement: str, most: int) -> None:
    read: list[Row] = []
    run(statement, tables(narrowed=True, read=read))
    assert len(read) <= most


def test_what_on_says_of_a_joined_table_leaves_the_row_it_is_joined_to() -> None:
    statement = "SELECT o.id, l.sku FROM orders o LEFT JOIN lines l ON l.doc = o.id AND l.n = 1 WHERE o.id <= 3"
    found = [(row["id"], row.get("sku")) for row in told(statement, narrowed=True)]
    assert found == [("1", "x"), ("2", "x"), ("2", "x"), ("3", None)]
    for wrong in ("o.amount = 5", "l.n = o.id", "l.n > 1"):
        with pytest.raises(Refusal):
            told(statement.replace("l.n = 1", wrong), narrowed=True)


def test_a_number_is_not_compared_with_text() -> None:
    with pytest.raises(Refusal, match="Cannot compare"):
        told("SELECT o.id FROM orders o WHERE o.amount >= 'a'", narrowed=True)
