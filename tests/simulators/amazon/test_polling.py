"""The search ends, misses nothing, and takes what is to be taken; the queue loses nothing."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from crossdock.connectors.amazon import CONNECTOR
from crossdock.connectors.amazon.answers import Failed
from crossdock.connectors.amazon.polls import Cursor
from crossdock.connectors.amazon.topics import CHANGE_LATER
from crossdock.domain.commands import ReadBack
from crossdock.domain.events import LaterSeen, OrderSeen, ShipmentSeen, SignalSeen
from crossdock.domain.outcome import Done, Misconfigured, RateLimited, Rejected
from crossdock.domain.state import ordered
from crossdock.domain.totals import prove
from crossdock.kit.manifest import Found, Unreachable, Untranslatable

SEARCH, QUEUE = CONNECTOR.polls["orders"], CONNECTOR.polls["notifications"]


def ids(found: list[Found]) -> list[str]:
    """The orders that are taken, as found."""
    return [one.stream_key.removeprefix("amazon-") for one in found if one.stream_kind == "order"]


async def started(seller: Any) -> str:
    """A connection that has been polling for a while."""
    _, cursor = await seller.poll("orders")
    seller.later(60)
    return str(cursor)


async def test_what_is_listed_is_the_whole_order(seller: Any) -> None:
    cursor = await started(seller)
    order_id = seller.place(lines=2)
    (one,), _ = await seller.poll("orders", cursor)
    (listed,) = CONNECTOR.translate("amazon", one.topic, one.body)
    assert isinstance(listed, OrderSeen)
    result = await seller.do(ReadBack("order", order_id))
    (follow,) = result.follows
    assert isinstance(follow.event, OrderSeen)
    assert (listed.order, follow.event.order) == (follow.event.order, listed.order), "search and read-back agree"
    assert (follow.stream_kind, follow.stream_key, follow.event.authoritative) == ("order", f"amazon-{order_id}", True)


async def test_a_view_is_called_the_same_until_it_changes(seller: Any) -> None:
    cursor = await started(seller)
    order_id = seller.place(quantity=2)
    (first,), cursor = await seller.poll("orders", cursor)
    (again,), cursor = await seller.poll("orders", cursor)
    assert again.delivery_id == first.delivery_id
    seller.later(5)
    seller.sim.act("edit_address", {"id": order_id})
    (changed,), _ = await seller.poll("orders", cursor)
    assert changed.delivery_id != first.delivery_id


async def test_one_odd_order_keeps_no_other_from_being_taken(seller: Any) -> None:
    cursor = await started(seller)
    good, odd = seller.place(), seller.place()
    view = seller.sim.books_.view

    def torn(order_id: str, as_of: Any) -> Any:
        told = view(order_id, as_of)
        return told if order_id == good or told is None else msgspec.structs.replace(told, created_at=_NoInstant())

    seller.sim.books_.view = torn
    found, _ = await seller.poll("orders", cursor)
    assert ids(found) == [good, odd]
    with pytest.raises(Untranslatable) as caught:
        CONNECTOR.translate("amazon", found[1].topic, found[1].body)
    assert caught.value.field == "createdTime"
    assert isinstance(CONNECTOR.translate("amazon", found[0].topic, found[0].body)[0], OrderSeen)
    (named,), _ = await seller.poll("orders", ids=[odd])
    assert named.delivery_id == found[1].delivery_id


class _NoInstant:
    def __format__(self, spec: str) -> str:
        return "yesterday"


async def test_what_changes_within_one_second_is_a_new_view(seller: Any) -> None:
    cursor = await started(seller)
    order_id = seller.place(lines=1, quantity=3)
    names = set()
    for act in ({}, {"addressLine1": "2 New Street"}, {"addressLine1": "3 Newer Street"}):
        seller.sim.act("edit_address", {"id": order_id, **act})
        (one,), cursor = await seller.poll("orders", cursor)
        names.add(one.delivery_id)
    seller.sim.act("reduce_item", {"id": order_id, "quantity": 1})
    (one,), _ = await seller.poll("orders", cursor)
    assert len({*names, one.delivery_id}) == 4
    named, _ = await seller.poll("orders", ids=[order_id])
    assert named[0].delivery_id == one.delivery_id, "one by one it is called the same"


async def test_only_orders_that_are_to_be_done_are_taken(seller: Any) -> None:
    cursor = await started(seller)
    pending, afn, shipped = seller.place(pending=True), seller.place(afn=True), seller.place(quantity=1)
    partly, open_, gone = seller.place(lines=1, quantity=2), seller.place(), seller.place()
    await seller.sim.tick()
    seller.sim.act("ship_by_hand", {"id": shipped})
    seller.sim.act("ship_by_hand", {"id": partly, "quantity": 1})
    seller.sim.act("cancel_order", {"id": gone})
    found, cursor = await seller.poll("orders", cursor)
    assert sorted(ids(found)) == sorted([open_, gone])
    left = [one for one in found if one.stream_kind != "order"]
    assert {one.stream_key for one in left} == {f"amazon:ignored:{each}" for each in (pending, shipped, partly)}
    named, _ = await seller.poll("orders", ids=[afn, pending])
    assert {one.stream_key for one in named} == {f"amazon:ignored:{each}" for each in (afn, pending)}
    events = [CONNECTOR.translate("amazon", one.topic, one.body) for one in left]
    assert sorted(filter(None, events), key=str) == sorted(
        ([LaterSeen("amazon", each)] for each in (shipped, partly)), key=str
    )
    kept = {name for one in left for name in msgspec.json.decode(one.body)}
    assert kept == {"orderId", "createdTime", "lastUpdatedTime", "fulfillment"}, "nothing of the buyer is kept"
    seller.later(5)
    seller.sim.act("authorize", {"id": pending})
    found, _ = await seller.poll("orders", cursor)
    assert pending in ids(found), "a pending order is taken once it is paid"


@pytest.mark.parametrize("quantity", [1, 3])
async def test_what_is_cancelled_after_a_part_has_left_is_told_to_the_order_that_is_here(
    seller: Any, quantity: int
) -> None:
    cursor = await started(seller)
    order_id = seller.place(lines=2, quantity=quantity)
    (before,) = (await seller.do(ReadBack("order", order_id))).follows
    kept, gone = before.event.order.lines
    seller.sim.act("ship_by_hand", {"id": order_id, "quantity": quantity})
    seller.later(5)
    seller.sim.act("cancel_item", {"id": order_id, "quantity": 1})
    (found,), _ = await seller.poll("orders", cursor)
    assert CONNECTOR.translate("amazon", found.topic, found.body) == [LaterSeen("amazon", order_id)]
    told = [one for one in (await seller.poll("notifications"))[0] if one.topic == CHANGE_LATER]
    assert [CONNECTOR.translate("amazon", one.topic, one.body) for one in told] == [[LaterSeen("amazon", order_id)]] * 2
    (follow,) = (await seller.do(ReadBack("order", order_id))).follows
    assert (follow.event.later, follow.event.authoritative, follow.existing) == (True, True, True)
    seen = follow.event.order
    assert [(one.id, ordered(one), one.requires_shipping) for one in seen.lines] == [
        (kept.id, quantity, True),
        (gone.id, quantity - 1, True),
    ]
    assert str(seen.totals.total.shop) == seller.entry(order_id)["total"]
    assert prove(seen).balanced


async def test_orders_of_amazons_own_stock_are_booked_on_demand_once_shipped(make_seller: Any) -> None:
    seller = make_seller(afn_ship_s=600)
    seller.settings["amazon_fulfilled"] = "book"
    cursor = await started(seller)
    order_id = seller.place(afn=True)
    found, cursor = await seller.poll("orders", cursor)
    assert ids(found) == []
    assert (await seller.do(ReadBack("order", order_id))).outcome == Done(
        {"order": order_id}, {"ignored": "fulfilled by Amazon, not shipped yet"}
    )
    seller.later(601)
    await seller.sim.tick()
    found, _ = await seller.poll("orders", cursor)
    assert ids(found) == [order_id]
    event, left = CONNECTOR.translate("amazon", "order", found[-1].body)
    assert isinstance(event, OrderSeen)
    assert not any(line.requires_shipping for line in event.order.lines), "for the books: there is nothing to pick"
    assert isinstance(left, ShipmentSeen)
    assert (left.source, left.shipment.location) == ("amazon", "AMAZON")
    assert [(one.line_id, one.quantity) for one in left.shipment.lines] == [
        (line.id, line.quantity) for line in event.order.lines
    ]
    assert [one.event for one in (await seller.do(ReadBack("order", order_id))).follows] == [
        OrderSeen(event.order, True), left
    ]  # fmt: skip


async def test_pages_are_followed_to_the_end(seller: Any) -> None:
    seller.settings["page_size"] = 4
    cursor = await started(seller)
    placed = seller.sim.act("place_order", {"count": 25})["ids"]
    found, cursor = await seller.poll("orders", cursor)
    assert sorted(ids(found)) == sorted(placed)
    late = seller.place()  # in the very second that was just read
    found, _ = await seller.poll("orders", cursor)
    assert late in ids(found)


async def test_pages_shift_while_they_are_read_and_nothing_is_missed(seller: Any) -> None:
    seller.settings["page_size"] = 2
    cursor: str | None = await started(seller)
    placed = []
    for _ in range(9):
        placed.append(seller.place())
        seller.later(30)
    changed, found, more = iter(placed[:6]), [], True
    while more:
        page = await SEARCH.run(seller.client, cursor, {})
        found, cursor, more = [*found, *page.found], page.cursor, page.more
        seller.later(1)
        if order_id := next(changed, None):
            seller.sim.act("edit_address", {"id": order_id})
    found += (await seller.poll("orders", cursor))[0]
    current = {f"order/{one['id']}@{one['updated_at']}/UNSHIPPED" for one in seller.sim.books()["orders"]}
    assert current <= {one.delivery_id.rpartition("/")[0] for one in found}


async def test_pages_that_come_round_lead_back_to_the_start(seller: Any) -> None:
    seller.settings["page_size"] = 2
    cursor: str | None = await started(seller)
    seller.sim.act("place_order", {"count": 5})
    seller.sim.pages_come_round = True
    seen, found = {cursor}, 0
    for _ in range(20):
        page = await SEARCH.run(seller.client, cursor, {})
        found += len(page.found)
        assert page.more
        if page.cursor in seen:
            break
        seen.add(page.cursor)
        cursor = page.cursor
    else:
        raise AssertionError("the pages go round for ever under ever new names")
    seller.sim.pages_come_round = False
    assert sorted(ids((await seller.poll("orders", page.cursor))[0])) == sorted(
        one["id"] for one in seller.sim.books()["orders"]
    ), "the next run begins anew"


async def test_a_token_that_grew_old_begins_the_run_again(seller: Any) -> None:
    seller.settings["page_size"] = 2
    cursor = await started(seller)
    placed = seller.sim.act("place_order", {"count": 5})["ids"]
    page = await SEARCH.run(seller.client, cursor, {})
    seller.later(25 * 3600)
    found, _ = await seller.poll("orders", page.cursor)
    assert sorted(ids(found)) == sorted(placed)


@pytest.mark.parametrize("hours", [None, 1, 24])
async def test_every_run_reaches_back_a_day_at_least(seller: Any, hours: float | None) -> None:
    """An order that the index shows 20 hours late is found, though newer ones were seen long before."""
    if hours is not None:
        seller.settings["overlap_hours"] = hours
    cursor = await started(seller)
    seller.sim.faults.search_lag_s = 20 * 3600.0
    hidden = seller.place()
    seller.later(3600)
    seller.sim.faults.search_lag_s = 0.0
    for _ in range(19):
        newer = seller.place()
        seller.later(3600)
        seller.sim.books_._views[hidden], kept = [], seller.sim.books_._views[hidden]  # not indexed yet
        found, cursor = await seller.poll("orders", cursor)
        seller.sim.books_._views[hidden] = kept
        assert hidden not in ids(found)
        assert newer in ids(found)
    found, _ = await seller.poll("orders", cursor)
    assert hidden in ids(found)


async def test_the_first_run_takes_over_nothing_that_was_there(seller: Any) -> None:
    old = seller.place()
    seller.later(3600)
    found, cursor = await seller.poll("orders")
    assert found == []
    new = seller.place()
    found, cursor = await seller.poll("orders", cursor)
    assert ids(found) == [new]
    seller.later(60)
    seller.sim.act("edit_address", {"id": old})
    assert old in ids((await seller.poll("orders", cursor))[0]), "what changes afterwards is taken"


@pytest.mark.parametrize("hours", [3, -3])
async def test_a_clock_of_ours_that_is_off_passes_over_nothing(seller: Any, hours: int) -> None:
    seller.ahead = timedelta(hours=hours)
    _, cursor = await seller.poll("orders")
    assert msgspec.json.decode(cursor, type=Cursor).since <= seller.at, "the watermark is by Amazon's clock"
    seller.later(1)
    placed = seller.place()
    seller.later(1)
    found, _ = await seller.poll("orders", cursor)
    assert placed in ids(found)


async def test_the_search_of_the_vendor_ends_two_minutes_ago(make_seller: Any) -> None:
    seller = make_seller(behind_s=120.0)
    cursor = await started(seller)
    order_id = seller.place()
    found, cursor = await seller.poll("orders", cursor)
    assert found == []
    seller.later(121)
    found, _ = await seller.poll("orders", cursor)
    assert ids(found) == [order_id]


async def test_backfill_by_span_and_by_ids(seller: Any) -> None:
    placed = []
    for _ in range(30):
        placed.append(seller.place())
        seller.later(3600)
    found, _ = await seller.poll("orders", since="2026-11-20T14:00:00Z", until="2026-11-20T16:00:00Z")
    assert ids(found) == placed[2:5]
    found, _ = await seller.poll("orders", since="2026-11-21T16:00:00Z", until="2027-01-01T00:00:00Z")
    assert ids(found) == placed[28:], "an end in the future is cut to what Amazon takes"
    found, _ = await seller.poll("orders", ids=[*placed[:25], "111-0000000-0000000"])
    assert ids(found) == placed[:25]


async def test_an_order_that_was_shipped_elsewhere_is_booked_when_a_person_names_it(seller: Any) -> None:
    order_id = seller.place()
    seller.sim.act("ship_by_hand", {"id": order_id})
    found, _ = await seller.poll("orders", since="2026-11-20T00:00:00Z")
    assert ids(found) == []
    named, _ = await seller.poll("orders", ids=[order_id])
    assert ids(named) == [order_id]
    assert named[0].delivery_id not in {one.delivery_id for one in found}, "or it would count as known"
    event, left = CONNECTOR.translate("amazon", named[0].topic, named[0].body)
    assert isinstance(event, OrderSeen)
    assert not any(line.requires_shipping for line in event.order.lines)
    assert isinstance(left, ShipmentSeen)
    assert (left.source, left.shipment.location) == ("amazon", "MERCHANT")


async def test_a_search_that_is_refused_says_how_long_to_wait_and_goes_on_where_it_was(make_seller: Any) -> None:
    seller = make_seller(plan=1.0)
    seller.settings["page_size"] = 1
    cursor = await started(seller)
    placed = seller.sim.act("place_order", {"count": 25})["ids"]
    seen: list[str] = []
    failed = None
    while failed is None:
        try:
            page = await SEARCH.run(seller.client, cursor, {})
        except Failed as error:
            failed = error
        else:
            seen, cursor = [*seen, *ids(list(page.found))], page.cursor
    assert isinstance(failed.outcome, RateLimited)
    assert failed.outcome.after_s == pytest.approx(1 / 0.0056)
    assert 0 < len(seen) < 25
    seller.later(3600 * 2)
    found, _ = await seller.poll("orders", cursor)
    assert sorted([*seen, *ids(found)]) == sorted(placed)


async def test_without_the_restricted_roles_an_order_has_no_person_and_is_no_error(seller: Any) -> None:
    cursor = await started(seller)
    seller.sim.act("grant", {"roles": []})
    seller.place(company=True)
    (one,), _ = await seller.poll("orders", cursor)
    (event,) = CONNECTOR.translate("amazon", one.topic, one.body)
    assert isinstance(event, OrderSeen)
    assert (event.order.customer, event.order.ship_to, event.order.region) == (None, None, "US")


# --- notifications ------------------------------------------------------------------------------------------------


async def test_a_notification_is_a_signal_that_names_the_order(seller: Any) -> None:
    order_id = seller.place()
    found, _ = await seller.poll("notifications")
    (one,) = found
    assert (one.stream_kind, one.stream_key) == ("signal", f"amazon:order:{order_id}")
    (event,) = CONNECTOR.translate("amazon", one.topic, one.body)
    assert isinstance(event, SignalSeen)
    assert (event.source, event.kind, event.external_id) == ("amazon", "order", order_id)
    assert event.content


async def test_nothing_is_deleted_before_the_store_has_answered(seller: Any) -> None:
    """The page is what the store gets; the receipts come back as the place once it has answered."""
    seller.sim.act("place_order", {"count": 3})
    page = await QUEUE.run(seller.client, None, {})
    assert len(page.found) == 3
    assert page.more
    assert len(seller.sim.queue.held) == 3, "nothing was deleted: the process may die before the page is durable"
    last = await QUEUE.run(seller.client, page.cursor, {})
    assert (last.found, last.more) == ((), False)
    assert seller.sim.queue.held == {}


async def test_a_death_before_the_store_answered_brings_everything_again(seller: Any) -> None:
    seller.place()
    first = await QUEUE.run(seller.client, None, {})
    hidden = await QUEUE.run(seller.client, None, {})  # another process, from the place that is saved
    assert hidden.found == ()
    seller.later(121)
    again, _ = await seller.poll("notifications")
    assert [one.delivery_id for one in again] == [one.delivery_id for one in first.found]
    assert seller.sim.queue.held == {}


async def test_a_death_before_the_deletion_deletes_at_the_next_start(seller: Any) -> None:
    seller.place()
    page = await QUEUE.run(seller.client, None, {})
    seller.later(3600)  # visible again by now, and received under another receipt
    found, _ = await seller.poll("notifications", page.cursor)
    assert found == []
    assert seller.sim.queue.held == {}


async def test_more_than_a_receive_gives_is_fetched_in_one_run(seller: Any) -> None:
    placed = seller.sim.act("place_order", {"count": 37})["ids"]
    seller.sim.faults.duplicate_webhooks = 1.0
    twice = seller.place()
    found, _ = await seller.poll("notifications")
    assert sorted({one.stream_key.rpartition(":")[2] for one in found}) == sorted([*placed, twice])
    assert len({one.delivery_id for one in found}) == 38, "the same notification twice has one name"
    assert len(found) == 39
    assert seller.sim.queue.held == {}


async def test_what_would_not_be_taken_is_not_read(seller: Any) -> None:
    seller.place(pending=True)
    seller.place(afn=True)
    order_id = seller.place(lines=1, quantity=2)
    seller.sim.act("ship_by_hand", {"id": order_id, "quantity": 1})
    gone = seller.place()
    seller.sim.act("cancel_order", {"id": gone})
    found, _ = await seller.poll("notifications")
    events = [(one.stream_key, event) for one in found for event in CONNECTOR.translate("amazon", one.topic, one.body)]
    signals = [stream_key for stream_key, event in events if isinstance(event, SignalSeen)]
    assert sorted(signals) == sorted([f"amazon:order:{order_id}", f"amazon:order:{gone}", f"amazon:order:{gone}"])
    assert len(found) == 6


async def test_what_cannot_be_read_becomes_an_exception_and_blocks_nothing(seller: Any) -> None:
    for body in (b"{", b"[]", b'{"NotificationType":"ORDER_CHANGE","NotificationMetadata":{"NotificationId":"n1"}}'):
        seller.sim.queue.put(body)
    other = {"NotificationType": "FEED_PROCESSING_FINISHED", "NotificationMetadata": {"NotificationId": "n2"}}
    seller.sim.queue.put(msgspec.json.encode(other))
    order_id = seller.place()
    found, _ = await seller.poll("notifications")
    assert len(found) == 5
    bad = [one for one in found if one.delivery_id.startswith("message/")]
    assert len(bad) == 3
    for one in bad:
        with pytest.raises(Untranslatable):
            CONNECTOR.translate("amazon", one.topic, one.body)
    (odd,) = [one for one in found if one.topic == "other"]
    assert CONNECTOR.translate("amazon", odd.topic, odd.body) == []
    assert f"amazon:order:{order_id}" in {one.stream_key for one in found}
    assert seller.sim.queue.held == {}


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"aws_access_key_id": "AKIAOTHER"}, "queue_denied"),
        ({"aws_region": "eu-west-1"}, "queue_denied"),
        ({"aws_access_key_id": ""}, "settings"),
        ({"queue_url": "http://amazon.test/123456789012/other"}, "queue_missing"),
    ],
)
async def test_a_queue_that_refuses_says_what_to_mend(seller: Any, changed: dict[str, str], code: str) -> None:
    seller.settings |= changed
    with pytest.raises(Failed) as failed:
        await QUEUE.run(seller.client, None, {})
    assert isinstance(failed.value.outcome, Misconfigured)
    assert failed.value.outcome.code == code


async def test_a_wrong_secret_key_and_a_clock_that_is_off_are_refused_by_the_queue(seller: Any) -> None:
    seller.secrets["aws_secret_access_key"] = "another"
    with pytest.raises(Failed, match="does not match"):
        await QUEUE.run(seller.client, None, {})
    seller.secrets["aws_secret_access_key"] = "simulated-aws-secret"
    seller.ahead = timedelta(hours=1)
    with pytest.raises(Failed, match="expired"):
        await QUEUE.run(seller.client, None, {})


async def test_without_a_queue_the_poll_rests(seller: Any) -> None:
    seller.settings["queue_url"] = ""
    assert await seller.poll("notifications") == ([], "off: queue_url is not set")
    seller.settings["queue_url"] = "http://amazon.test/123456789012/order-changes"
    seller.place()
    found, _ = await seller.poll("notifications", "off: queue_url is not set")
    assert len(found) == 1, "the place of a queue that was off is no receipt"


async def test_reading_back_says_what_it_left_alone(seller: Any) -> None:
    pending = seller.place(pending=True)
    result = await seller.do(ReadBack("order", pending))
    assert isinstance(result.outcome, Done)
    assert "not paid yet" in result.outcome.facts["ignored"]
    assert result.follows == ()
    missing = (await seller.do(ReadBack("order", "111-0000000-0000000"))).outcome
    assert isinstance(missing, Rejected)
    assert isinstance((await seller.do(ReadBack("thing", "1"))).outcome, Rejected)


async def test_check_names_the_stores(seller: Any) -> None:
    assert CONNECTOR.check is not None
    said = await CONNECTOR.check(seller.client)
    assert "Amazon.com" in said
    assert "SQS" in said
    seller.settings["marketplace_ids"] = ["A1PA6795UKMFR9"]
    assert (await CONNECTOR.check(seller.client)).startswith("Simulated store amazon at Amazon.de")
    for name, value in (("marketplace_ids", "A2EUQ1WTGCTBG2"), ("amazon_fulfilled", "perhaps")):
        before = seller.settings.get(name)
        seller.settings[name] = value
        with pytest.raises(Unreachable):
            await CONNECTOR.check(seller.client)
        seller.settings[name] = before
    seller.settings |= {"api_base": "", "api_region": "moon"}
    with pytest.raises(Unreachable, match="api_region"):
        await CONNECTOR.check(seller.client)


async def test_marketplaces_are_chosen(seller: Any) -> None:
    seller.settings["marketplace_ids"] = "A1PA6795UKMFR9, A1VC38T7YXB528"
    cursor = await started(seller)
    wanted = [seller.place(marketplace=place) for place in ("DE", "JP")]
    seller.place(marketplace="US")
    found, _ = await seller.poll("orders", cursor)
    assert sorted(ids(found)) == sorted(wanted)


def test_the_place_is_text_that_survives_a_restart(seller: Any) -> None:
    seller.settings["page_size"] = 1
    asyncio.run(_survives(seller))


async def _survives(seller: Any) -> None:
    cursor = await started(seller)
    seller.sim.act("place_order", {"count": 2})
    page = await SEARCH.run(seller.client, cursor, {})
    at = msgspec.json.decode(page.cursor, type=Cursor)
    assert at.after
    again = await SEARCH.run(seller.client, str(page.cursor), {})
    assert again.found != page.found
