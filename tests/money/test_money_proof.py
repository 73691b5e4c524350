"""A part of ``make money``: other orders in every part, and all kinds of them."""

import pytest

from crossdock.connectors.netsuite import mapping
from tests.money import held
from tests.money.held import Found, look_at_all

KINDS = {
    "USD", "JPY", "KWD", "prices with tax", "prices without tax", "declared rounding", "stacked discounts", "two taxes",
    "tax the channel remits", "parts of a unit",
}  # fmt: skip


@pytest.mark.parametrize("first", [1, 500_000])
def test_every_rendering_comes_to_the_channels_total(first: int) -> None:
    found = look_at_all(first, 400)
    assert found.wrong == []
    assert found.renderings == 8 * found.orders == 3_200
    assert found.dishonest == 80
    assert set(found.features) >= KINDS


def test_a_rendering_that_is_off_by_a_cent_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    true = mapping.render_total
    monkeypatch.setattr(mapping, "render_total", lambda *of: true(*of) + 1)
    found = Found()
    held.look_at(1, found)
    assert len(found.wrong) == 6  # of eight ways, those of NetSuite
