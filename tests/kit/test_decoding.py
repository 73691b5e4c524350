"""What a decoding error says."""

import msgspec
import pytest

from crossdock.kit import decoding


class Line(msgspec.Struct):
    quantity: int


class Order(msgspec.Struct):
    lines: list[Line]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"lines": [{"quantity": "two"}]}', "lines[0].quantity"),
        (b'{"lines": 7}', "lines"),
        (b"{}", "lines"),
        (b'{"lines": [{"quantity": 1}, {}]}', "lines[1].quantity"),
        (b"[]", None),
        (b"not JSON", None),
    ],
)
def test_the_field_stands_apart_from_what_is_wrong_with_it(body: bytes, field: str | None) -> None:
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode(body, type=Order)
    found, what = decoding.told(caught.value)
    assert found == field
    assert what
    assert "`$" not in what
    assert str(caught.value).startswith(what)
