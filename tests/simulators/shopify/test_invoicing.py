"""An invoice on the order: one metafield, made once and never changed, whatever is lost or written by others."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from crossdock.connectors.shopify import CONNECTOR
from crossdock.domain.commands import PublishInvoice
from crossdock.domain.fulfilment import Invoice
from crossdock.domain.outcome import Conflict, Done, Rejected
from crossdock.kit.http import AnswerLost
from crossdock.kit.manifest import Call

AGAIN = Call("key", tries=1)


def invoice(shop: Any, id_: str = "4713", total: str = "26.00") -> PublishInvoice:
    (order_id,) = list(shop.sim.books_.orders) or shop.sim.act("place_order", {"lines": 1})["ids"]
    return PublishInvoice(str(order_id), Invoice(id_, f"INV{id_[:4]}", Decimal(total), "EUR", shop.at))


def there(shop: Any) -> dict[str, Any]:
    return {key: msgspec.json.decode(value) for (_, _, key), value in shop.sim.books_.metafields.items()}


async def test_an_invoice_becomes_a_metafield_of_the_order(shop: Any) -> None:
    assert (await shop.do(invoice(shop))).outcome == Done({"metafield": "invoice_4713"})
    told = {"number": "INV4713", "invoiced_at": shop.at.isoformat(), "total": "26.00", "currency": "EUR"}
    assert there(shop) == {"invoice_4713": told}


async def test_a_repeat_is_refused_by_the_shop_and_read_as_done(shop: Any) -> None:
    await shop.do(invoice(shop))
    outcome = (await shop.do(invoice(shop))).outcome
    assert outcome == Done({"metafield": "invoice_4713"}, repeated=True)
    assert len(there(shop)) == 1


async def test_a_lost_answer_is_found(shop: Any) -> None:
    payload = invoice(shop)
    shop.lose = {1}
    with pytest.raises(AnswerLost):
        await shop.do(payload)
    found = await shop.look_up(payload)
    assert found is not None
    assert found.outcome == Done({"metafield": "invoice_4713"}, repeated=True)
    result = await CONNECTOR.operations["invoice.publish"].send(shop.client, payload, AGAIN)
    assert result.outcome == Done({"metafield": "invoice_4713"}, repeated=True)
    assert shop.mutations == 1


async def test_what_others_wrote_under_its_name_is_never_overwritten(shop: Any) -> None:
    await shop.do(invoice(shop))
    outcome = (await shop.do(invoice(shop, total="27.00"))).outcome
    assert isinstance(outcome, Conflict)
    assert outcome.code == "shopify.metafield_differs"
    assert there(shop)["invoice_4713"]["total"] == "26.00"


async def test_every_invoice_has_a_metafield_of_its_own_whatever_its_id(shop: Any) -> None:
    for id_ in ("4713", "103031/A", "103031-A", "x" * 60):
        assert isinstance((await shop.do(invoice(shop, id_))).outcome, Done)
    assert len(there(shop)) == 4
    assert all(len(key) <= 64 for key in there(shop))


async def test_an_order_that_is_gone_is_told(shop: Any) -> None:
    payload = msgspec.structs.replace(invoice(shop), order_external_id="1")
    outcome = (await shop.do(payload)).outcome
    assert isinstance(outcome, Rejected)
    assert there(shop) == {}
