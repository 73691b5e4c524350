"""An app that lacks an access scope: what needs it is refused by name, and the rest goes on."""

from typing import Any

import pytest

from crossdock.connectors.shopify import CONNECTOR
from crossdock.connectors.shopify.answers import Failed
from crossdock.domain.commands import ReadBack
from crossdock.domain.outcome import Done, Rejected
from crossdock.kit.manifest import Unreachable
from crossdock.simulators.shopify.scopes import USUAL


def without(*lacking: str) -> tuple[str, ...]:
    return tuple(scope for scope in USUAL if scope not in lacking)


@pytest.mark.parametrize(
    ("lacking", "asked", "other", "field"),
    [
        ("read_customers", "order", "return", "order.customer"),
        ("read_products", "order", "return", "order.lineItems.nodes.product"),
        ("read_returns", "return", "order", "order.returns"),
    ],
)
async def test_an_operation_that_lacks_its_scope_is_refused_and_others_go_on(
    make_shop: Any, lacking: str, asked: str, other: str, field: str
) -> None:
    granted = without(lacking, lacking.replace("read_", "write_"))
    shop = make_shop(granted=granted)
    (order_id,) = shop.sim.act("place_order", {})["ids"]
    refused = (await shop.do(ReadBack(asked, order_id))).outcome
    assert isinstance(refused, Rejected)
    assert (refused.code, refused.field) == ("shopify.access_denied", field)
    assert f"`{lacking}` access scope" in refused.detail
    assert isinstance((await shop.do(ReadBack(other, order_id))).outcome, Done)


@pytest.mark.parametrize("lacking", ["read_customers", "read_products", "read_locations"])
async def test_the_check_names_what_every_order_needs(make_shop: Any, lacking: str) -> None:
    assert CONNECTOR.check is not None
    assert "simulated" in await CONNECTOR.check(make_shop().client)
    with pytest.raises(Unreachable, match=lacking):
        await CONNECTOR.check(make_shop(granted=without(lacking)).client)


async def test_a_poll_without_its_scope_fails_and_pauses_nothing(make_shop: Any) -> None:
    shop = make_shop(granted=without("read_shopify_payments_accounts"))
    shop.settings["payouts"] = True
    with pytest.raises(Failed, match="read_shopify_payments_accounts") as failed:
        await CONNECTOR.polls["payouts"].run(shop.client, None, {})
    assert isinstance(failed.value.outcome, Rejected)
    assert (await CONNECTOR.polls["orders"].run(shop.client, None, {})).more is False
