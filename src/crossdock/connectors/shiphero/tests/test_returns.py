"""Returns: the sample of a webhook, and the connector against the simulated warehouse with answers lost."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crossdock.connectors.shiphero import CONNECTOR
from crossdock.connectors.shiphero.returns import return_input
from crossdock.connectors.shiphero.tests.test_against_simulator import Wired, release
from crossdock.domain.commands import AnnounceReturn, ReadBack, RecallReturn
from crossdock.domain.events import ReturnReceived, ShipmentSeen, SignalSeen
from crossdock.domain.order import Address
from crossdock.domain.outcome import Conflict, Done, OutcomeUnknown, Rejected
from crossdock.domain.receipt import AnnouncedLine
from crossdock.kit.http import AnswerLost
from crossdock.kit.manifest import Refused, Untranslatable
from crossdock.simulators.shiphero.views import WAREHOUSE_ID

SAMPLE = (Path(__file__).parent.parent / "samples" / "return_update.json").read_bytes()
TOPIC = "Return Update"


async def shipped(**settings: Any) -> tuple[Wired, str]:
    """A warehouse that has shipped an order of ours; its id of it."""
    wired = Wired(**settings)
    made = await wired.send(release())
    await wired.work()
    wired.sent.clear()
    wired.line.settings["return_days"] = 60  # type: ignore[index]
    return wired, made.outcome.refs["order"]


def announcement(order: str | None, *lines: AnnouncedLine, **more: Any) -> AnnounceReturn:
    lines = lines or (AnnouncedLine("11", Decimal(2), "SKU-11", "Thing", "too small"),)
    given = {
        "location": WAREHOUSE_ID,
        "ship_from": Address("Jo", None, "1 Road", None, "Town", "Victoria", "VIC"),
        **more,
    }
    return AnnounceReturn("shop-1001", "shop-1001-77", lines, order, **given)


def returns(wired: Wired) -> list[dict[str, Any]]:
    found = wired.simulator.books()["returns"]
    assert isinstance(found, list)
    return found


def receive(wired: Wired, quantity: int, restock: int, **more: Any) -> None:
    args = {"order": "shop-1001", "sku": "SKU-11", "quantity": quantity, "restock": restock, **more}
    wired.simulator.act("receive_return", args)


# -- what is told ------------------------------------------------------------------------------------------------


def test_a_webhook_tells_totals_by_our_line_ids_and_what_is_not_on_the_order_by_sku() -> None:
    [event] = CONNECTOR.translate("wms1", TOPIC, SAMPLE)
    assert isinstance(event, ReturnReceived)
    assert (event.receipt.id, event.receipt.finished, event.source) == ("UmV0dXJuOjczNDUwMQ==", False, "wms1")
    assert [(row.id, int(row.received), int(row.restocked), row.line_id, row.sku) for row in event.receipt.rows] == [
        ("990101", 2, 1, "15919840264447", "TEE-M"),
        ("990102", 1, 0, None, "MUG-RED"),
    ]


def test_a_webhook_belongs_to_our_order_or_is_read_back() -> None:
    assert CONNECTOR.webhook is not None
    identity = CONNECTOR.webhook.identify("wms1", {"x-shiphero-message-id": "m-1"}, SAMPLE)
    assert (identity.stream_kind, identity.stream_key, identity.delivery_id) == ("order", "shop-6674573197567", "m-1")
    [content] = identity.also_ids
    nameless = msgspec.json.encode({**msgspec.json.decode(SAMPLE), "partner_order_id": None})
    other = CONNECTOR.webhook.identify("wms1", {}, nameless)
    assert (other.stream_kind, other.stream_key, other.also_ids) == (
        "signal",
        "wms1:return:UmV0dXJuOjczNDUwMQ==",
        (content,),
    )
    [signal] = CONNECTOR.translate("wms1", TOPIC, nameless)
    assert isinstance(signal, SignalSeen)
    assert (signal.kind, signal.external_id, signal.content) == ("return", "UmV0dXJuOjczNDUwMQ==", content)
    with pytest.raises(Refused):
        CONNECTOR.webhook.identify("wms1", {}, b'{"webhook_type":"Return Update"}')


@pytest.mark.parametrize("units", [-1, 2_000_000])
def test_a_count_that_cannot_be_is_an_exception_that_names_it(units: int) -> None:
    told = msgspec.json.decode(SAMPLE)
    told["items"][0]["quantity_received"] = units
    with pytest.raises(Untranslatable, match="counts"):
        CONNECTOR.translate("wms1", TOPIC, msgspec.json.encode(told))
    assert CONNECTOR.webhook is not None
    assert CONNECTOR.webhook.identify("wms1", {}, msgspec.json.encode(told)).also_ids == ()


async def test_a_return_of_an_odd_shape_is_its_own_orders() -> None:
    wired, order = await shipped()
    await wired.send(announcement(order))
    receive(wired, 1, 0)
    wired.spoil = (b'"quantity_received":1', b'"quantity_received":"many"')
    [found] = (await CONNECTOR.polls["returns"].run(wired.client, None, {})).found
    assert found.stream_key == "shop-1001"
    with pytest.raises(Untranslatable):
        CONNECTOR.translate("warehouse", found.topic, found.body)


@pytest.mark.parametrize(("status", "finished"), [("Complete", True), ("pending", False), ("a new word", False)])
def test_only_a_word_that_we_know_finishes_a_return(status: str, finished: bool) -> None:
    [event] = CONNECTOR.translate("wms1", TOPIC, msgspec.json.encode({**msgspec.json.decode(SAMPLE), "status": status}))
    assert isinstance(event, ReturnReceived)
    assert event.receipt.finished is finished


# -- announcing --------------------------------------------------------------------------------------------------


async def test_a_return_is_announced_with_what_comes_back() -> None:
    wired, order = await shipped()
    lines = (AnnouncedLine("11", Decimal(1), "SKU-11"), AnnouncedLine("11b", Decimal(1), "SKU-11", reason="torn"))
    result = await wired.send(announcement(order, *lines))
    assert isinstance(result.outcome, Done)
    [made] = returns(wired)
    assert (made["id"], made["partner_id"], made["order"]) == (
        result.outcome.refs["return"],
        "shop-1001-77",
        "shop-1001",
    )
    assert [(item["sku"], item["quantity"]) for item in made["items"]] == [("SKU-11", 2)], "ShipHero knows SKUs only"
    given = return_input(announcement(order, *lines), {})
    assert (given["label_type"], given["create_label"], given["return_reason"]) == ("SELF_RETURN", False, "torn")


async def test_a_lost_answer_is_found_by_our_word_and_not_repeated() -> None:
    wired, order = await shipped()
    assert await wired.look_up(announcement(order)) is None
    wired.lose_answers_of = "AnnounceReturn"
    with pytest.raises(AnswerLost):
        await wired.send(announcement(order))
    wired.lose_answers_of = None
    found = await wired.look_up(announcement(order))
    assert (found.outcome.refs["return"], found.outcome.repeated) == (returns(wired)[0]["id"], True)
    assert wired.simulator.books()["returns_repeated"] == []


async def test_the_vendor_makes_a_second_return_of_a_repeat_and_both_are_named() -> None:
    wired, order = await shipped()
    await wired.send(announcement(order))
    await wired.send(announcement(order))
    assert wired.simulator.books()["returns_repeated"] == ["shop-1001-77"]
    found = await wired.look_up(announcement(order))
    assert isinstance(found.outcome, Conflict)
    assert all(made["id"] in found.outcome.detail for made in returns(wired))


async def test_a_search_that_lags_does_not_show_it_yet() -> None:
    wired, order = await shipped()
    wired.simulator.faults.search_lag_s = 20
    await wired.send(announcement(order))
    assert await wired.look_up(announcement(order)) is None
    await wired.work(21)
    assert (await wired.look_up(announcement(order))) is not None


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (announcement("o", AnnouncedLine("11", Decimal(1))), "sku_missing"),
        (announcement("o", AnnouncedLine("11", Decimal("0.5"), "SKU-11")), "quantity_not_whole"),
        (announcement(None), "order_unknown"),
        (announcement("o", location=None), "warehouse_unknown"),
    ],
)
async def test_what_shiphero_would_not_take_does_not_leave(payload: AnnounceReturn, code: str) -> None:
    wired, _ = await shipped()
    outcome = (await wired.send(payload)).outcome
    assert isinstance(outcome, Rejected)
    assert (outcome.code, returns(wired)) == (code, [])


async def test_a_product_that_the_order_does_not_have_is_refused() -> None:
    wired, order = await shipped()
    outcome = (await wired.send(announcement(order, AnnouncedLine("9", Decimal(1), "OTHER")))).outcome
    assert isinstance(outcome, Rejected)


async def test_an_answer_without_a_return_leaves_it_unknown() -> None:
    wired, order = await shipped()
    wired.spoil = (b'"return":{', b'"other":{')
    assert isinstance((await wired.send(announcement(order))).outcome, OutcomeUnknown)


# -- calling off -------------------------------------------------------------------------------------------------


async def test_a_return_is_called_off_once_and_only_as_long_as_nothing_came() -> None:
    wired, order = await shipped()
    off = RecallReturn("shop-1001", "shop-1001-77", order)
    missing = (await wired.send(off)).outcome
    assert isinstance(missing, Rejected)
    assert missing.code == "not_there"
    await wired.send(announcement(order))
    for repeated in (False, True):
        outcome = (await wired.send(off)).outcome
        assert isinstance(outcome, Done)
        assert outcome.repeated is repeated
    assert [made["status"] for made in returns(wired)] == ["cancelled"]
    await wired.send(announcement(order))
    receive(wired, 1, 1)
    refused = (await wired.send(off)).outcome
    assert isinstance(refused, Rejected)
    assert refused.code == "already_received"


async def test_a_return_that_is_not_listed_yet_is_called_off_by_its_id() -> None:
    wired, order = await shipped()
    wired.simulator.faults.search_lag_s = 20
    made = (await wired.send(announcement(order))).outcome.refs["return"]
    assert isinstance((await wired.send(RecallReturn("shop-1001", "shop-1001-77", order, made))).outcome, Done)
    assert [one["status"] for one in returns(wired)] == ["cancelled"]


async def test_a_status_that_is_not_set_is_not_believed() -> None:
    wired, order = await shipped()
    await wired.send(announcement(order))
    wired.spoil = (b'"status":"cancelled"', b'"status":"pending"')
    assert isinstance((await wired.send(RecallReturn("shop-1001", "shop-1001-77", order))).outcome, OutcomeUnknown)


# -- receiving ---------------------------------------------------------------------------------------------------


async def test_webhook_and_poll_tell_one_state_under_one_content_id() -> None:
    wired, order = await shipped()
    await wired.send(announcement(order))
    receive(wired, 1, 0)
    receive(wired, 1, 1, finish=True)
    assert CONNECTOR.webhook is not None
    told = [one for one in wired.sent if b"Return Update" in one.body]
    hooks = [CONNECTOR.webhook.identify("warehouse", one.headers, one.body) for one in told]
    assert len({hook.also_ids for hook in hooks}) == 4, "made, received, received, finished"
    page = await CONNECTOR.polls["returns"].run(wired.client, None, {})
    [found] = page.found
    assert (found.stream_key, (found.delivery_id,)) == ("shop-1001", hooks[-1].also_ids)
    [polled] = CONNECTOR.translate("warehouse", found.topic, found.body)
    [hooked] = CONNECTOR.translate("warehouse", TOPIC, told[-1].body)
    assert isinstance(polled, ReturnReceived)
    assert isinstance(hooked, ReturnReceived)
    assert polled.receipt == msgspec.structs.replace(hooked.receipt, reference="shop-1001-77")
    [row] = polled.receipt.rows
    assert (int(row.received), int(row.restocked), row.line_id, polled.receipt.finished) == (2, 1, "11", True)


async def test_the_poll_goes_page_by_page_over_young_returns_that_came() -> None:
    wired, order = await shipped()
    for _ in range(26):
        await wired.send(announcement(order))
        receive(wired, 1, 1, silently=True)
    await wired.send(announcement(order))  # nothing of it came
    page = await CONNECTOR.polls["returns"].run(wired.client, None, {})
    assert (len(page.found), page.more) == (25, True)
    last = await CONNECTOR.polls["returns"].run(wired.client, page.cursor, {})
    assert (len(last.found), last.more) == (1, False)
    wired.at += timedelta(days=61)
    assert (await CONNECTOR.polls["returns"].run(wired.client, last.cursor, {})).found == ()


async def test_a_return_that_names_only_shipheros_order_is_read_back() -> None:
    wired, order = await shipped()
    await wired.send(announcement(order))
    receive(wired, 1, 0)
    result = await wired.send(ReadBack("return", returns(wired)[0]["id"]))
    assert isinstance(result.outcome, Done)
    [follow] = result.follows
    assert (follow.stream_key, follow.event.receipt.reference) == ("shop-1001", "shop-1001-77")
    assert isinstance((await wired.send(ReadBack("return", "none"))).outcome, Rejected)


async def test_the_poll_names_goods_that_are_not_the_orders() -> None:
    wired, order = await shipped()
    await wired.send(announcement(order))
    receive(wired, 1, 0, sku="OTHER")
    page = await CONNECTOR.polls["returns"].run(wired.client, None, {})
    [seen] = [event for found in page.found for event in CONNECTOR.translate("warehouse", found.topic, found.body)]
    assert isinstance(seen, ReturnReceived)
    assert [(row.line_id, row.sku) for row in seen.receipt.rows if row.received] == [(None, "OTHER")]


async def test_a_return_goes_back_to_the_warehouse_that_shipped_it() -> None:
    """A webhook has two names for it: the API takes only one of them."""
    wired = Wired(split=0.0)
    order = (await wired.send(release())).outcome.refs["order"]
    await wired.work()
    [seen] = [event for event in wired.events() if isinstance(event, ShipmentSeen)]
    assert isinstance((await wired.send(announcement(order, location=seen.shipment.location))).outcome, Done)
    assert isinstance((await wired.send(announcement(order, location="76733"))).outcome, Rejected)


async def test_restocked_goods_are_on_the_shelf_again() -> None:
    wired, order = await shipped()
    wired.simulator.act("count_stock", {"sku": "SKU-11", "quantity": 5})
    await wired.send(announcement(order))
    receive(wired, 2, 1)
    assert wired.simulator.shelves.products("SKU-11", None)[0]["on_hand"] == 6
