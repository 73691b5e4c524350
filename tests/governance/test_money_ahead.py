"""What an ERP cannot post is told by the configuration, before the first order brings it."""

from pathlib import Path
from typing import Any

import pytest

from crossdock.domain.decision import Policy
from crossdock.governance.config import Config, ConnectionSetup, ServeSetup
from crossdock.governance.money_ahead import MoneyAhead, money_ahead
from crossdock.kit.manifest import Books, Manifest

ROUTE = "shop1 → erp1"
CHANNEL = Manifest("shop", "shop", "channel", "1", (), "1", {}, settlements="payouts")


def told(sold: dict[str, tuple[str, ...]], payouts: bool = False, only: str | None = "home", **route: Any) -> Any:
    books = Books(("open", "paid", "payment"), only)
    manifests = {"shop": CHANNEL, "erp": Manifest("erp", "erp", "erp", "1", (), "1", {}, books=books)}
    setups = {
        "shop1": ConnectionSetup("shop1", "shop", {"payouts": payouts}),
        "erp1": ConnectionSetup("erp1", "erp", {"home": "USD"}),
    }
    policy = Policy("shop1", "erp1", **{"payments": "payment", **route})
    config = Config(Path(), setups, {"shop1": policy}, (), {}, ServeSetup())
    return money_ahead(config, manifests, sold)


def test_a_channel_that_sells_in_the_only_currency_is_well() -> None:
    assert told({"shop1": ("USD",)}) == [MoneyAhead(ROUTE, True, "payments, money paid back in USD")]


def test_a_channel_that_sells_in_another_is_told_with_what_cannot_be_posted() -> None:
    [one] = told({"shop1": ("EUR", "USD")}, payouts=True)
    assert not one.ok
    assert "payments, money paid back, settlements can be posted in USD only, the channel sells in EUR;" in one.says


def test_what_customers_see_may_be_in_any_currency() -> None:
    [one] = told({"shop1": ("USD",)}, basis="presentment")
    assert (one.ok, "as customers see them" in one.says) == (False, True)


def test_a_channel_that_cannot_be_asked_is_said_to_be_one() -> None:
    [one] = told({}, payments="paid")
    assert (one.ok, one.says) == (
        True,
        "money paid back in USD only; this channel's orders name their own currency: others are exceptions",
    )


@pytest.mark.parametrize("route", [{"payments": "open"}, {"payments": "deposit"}])
def test_a_route_that_posts_nothing_is_not_told_of(route: dict[str, Any]) -> None:
    assert told({"shop1": ("EUR",)}, **route) == []


def test_settlements_alone_are_told_of() -> None:
    [one] = told({"shop1": ("EUR",)}, payouts=True, payments="open")
    assert (one.ok, one.says.startswith("settlements can be posted in USD only")) == (False, True)


def test_an_erp_that_posts_in_any_currency_is_not_told_of() -> None:
    assert told({"shop1": ("EUR",)}, only=None) == []
