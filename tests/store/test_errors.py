"""What is told of data that cannot be stored: where it does not fit, never the data."""

import asyncpg
import pytest

from crossdock.store.errors import UnknownConnection, attributable
from crossdock.store.protocol import PoisonedBatch

BUYER = "ada@example.com"


def refused() -> asyncpg.PostgresError:
    """As the server tells it, with the row and the value."""
    fields = {
        "C": "23514", "M": f"invalid value {BUYER!r}", "D": f"Failing row contains (7, {BUYER}).",
        "t": "references", "c": "external_id", "n": "references_external_id_check",
    }  # fmt: skip
    error = asyncpg.PostgresError.new(fields)
    assert BUYER in str(error)
    return error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            refused(),
            "CheckViolationError, sqlstate 23514, table references, column external_id, "
            "constraint references_external_id_check",
        ),
        (asyncpg.DataError(f"invalid input for query argument $3: {BUYER!r}"), "DataError, sqlstate 22000"),
        (UnicodeEncodeError("utf-8", BUYER, 0, 1, "surrogates not allowed"), "UnicodeEncodeError"),
    ],
)
def test_the_place_is_told_and_no_value(error: Exception, told: str) -> None:
    with pytest.raises(PoisonedBatch) as raised, attributable([1]):
        raise error
    assert raised.value.detail == told
    assert BUYER not in str(raised.value)


def test_a_connection_that_is_not_there_is_named() -> None:
    with pytest.raises(PoisonedBatch, match="'nowhere' is not registered"), attributable([1]):
        raise UnknownConnection("nowhere")
