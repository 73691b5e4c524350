"""The connector and the simulated ShipHero, wired without sockets: requests, answers, webhooks and polls."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from crossdock.connectors.shiphero import CONNECTOR
from crossdock.connectors.shiphero.manifest import POLLED_PARCEL
from crossdock.connectors.shiphero.polls import Cursor
from crossdock.domain.commands import CancelRelease, ReadBack, ReleaseOrder
from crossdock.domain.events import ParcelSeen, ReleaseSeen, ShipmentSeen, SignalSeen
from crossdock.domain.money import Amount
from crossdock.domain.order import Address, LineKind, Order, OrderLine, Party, Totals
from crossdock.domain.outcome import Conflict, Done, Misconfigured, OutcomeUnknown, RateLimited, Rejected, RetryLater
from crossdock.kit.http import AnswerLost, Line, NotSent, Response
from crossdock.kit.manifest import Call, Found, Page, Unreachable, Untranslatable
from crossdock.kit.tokens import InProcessTokens
from crossdock.simulators.base import Deliver, Request, Surroundings
from crossdock.simulators.shiphero import ShipHeroSimulator

CALL = Call("shop-1001/warehouse/order.release")
SECRET = "shiphero-webhook-secret"


class Wired:
    """Clock, simulator and an ``Http`` that leads straight into it."""

    def __init__(self, **settings: Any) -> None:
        self.at = datetime(2026, 11, 23, 12, tzinfo=UTC)
        self.sent: list[Deliver] = []
        self.asked: list[str] = []
        self.lose_answers_of: str | None = None
        self.spoil: tuple[bytes, bytes] | None = None  # a part of an answer, and what stands there instead, once
        world = Surroundings(self.now, self._sleep, Random(5), self.sent.append)
        self.simulator = ShipHeroSimulator("warehouse", world, webhook_url="http://x/", **settings)
        tokens = InProcessTokens(lambda: self.at.timestamp())
        secrets = {"refresh_token": "shiphero-refresh-token", "webhook_secret": SECRET}
        self.skew = timedelta(0)  # of our clock against the vendor's
        self.line = Line("warehouse", {"base_url": "http://x"}, secrets, self, tokens, self._ours, lambda: "unique")

    def _ours(self) -> datetime:
        return self.at + self.skew

    def now(self) -> datetime:
        return self.at

    async def _sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"", timeout_s: float = 30.0
    ) -> Response:
        path = urlsplit(url).path
        self.asked.append(path)
        reply = await self.simulator.handle(Request(method, path, {}, dict(headers), body))
        if self.lose_answers_of is not None and self.lose_answers_of.encode() in body + path.encode():
            raise AnswerLost("cut")
        answer = reply.body if self.spoil is None else reply.body.replace(*self.spoil, 1)
        return Response(reply.status, reply.headers, answer)

    @property
    def client(self) -> Any:
        return CONNECTOR.open(self.line)

    async def send(self, payload: Any) -> Any:
        return await CONNECTOR.operations[payload.purpose].send(self.client, payload, CALL)

    async def look_up(self, payload: Any) -> Any:
        look_up = CONNECTOR.operations[payload.purpose].look_up
        assert look_up is not None
        return await look_up(self.client, payload, CALL)

    async def work(self, seconds: float = 10.0) -> None:
        for _ in range(int(seconds * 10)):
            self.at += timedelta(seconds=0.1)
            await self.simulator.tick()

    def events(self) -> list[Any]:
        """What all webhooks so far mean."""
        webhook = CONNECTOR.webhook
        assert webhook is not None
        found: list[Any] = []
        for delivery in self.sent:
            webhook.verify(delivery.headers, delivery.body, [SECRET])
            identity = webhook.identify("warehouse", delivery.headers, delivery.body)
            found += CONNECTOR.translate("warehouse", identity.topic, delivery.body)
        return found


def line(line_id: str, quantity: str, **more: Any) -> OrderLine:
    return OrderLine(line_id, f"Thing {line_id}", Decimal(quantity), Amount(Decimal("9.90")), f"SKU-{line_id}", **more)


def release(*lines: OrderLine, **changes: Any) -> ReleaseOrder:
    given: dict[str, Any] = {
        "channel": "shop",
        "external_id": "1001",
        "number": "#1001",
        "placed_at": datetime(2026, 11, 23, 11, tzinfo=UTC),
        "updated_at": datetime(2026, 11, 23, 11, tzinfo=UTC),
        "currency": "USD",
        "totals": Totals(Amount(Decimal(1)), Amount(Decimal(1))),
        "lines": lines or (line("11", "3"), line("12", "1")),
        "customer": Party(email="jo@example.com"),
        "ship_to": Address("Jo van Doe", None, "1 Road", None, "Town", "Victoria", "VIC", "3000", "AU"),
        **changes,
    }
    return ReleaseOrder(Order(**given))


async def test_an_order_goes_in_whole_and_only_with_what_ships() -> None:
    wired = Wired()
    gift = line("13", "1", kind=LineKind.GIFT_CARD)
    edited = line("14", "5", current_quantity=Decimal(2))
    gone = line("15", "1", current_quantity=Decimal(0))
    result = await wired.send(release(line("11", "3"), gift, edited, gone, line("16", "1", requires_shipping=False)))
    [order] = wired.simulator.warehouse.orders.values()
    assert result.outcome == Done({"order": order.id, "orderNumber": str(order.legacy_id)})
    assert order.partner == "shop-1001"
    assert [(one.partner_line_item_id, one.sku, one.quantity, one.price) for one in order.lines] == [
        ("11", "SKU-11", 3, "9.90"),
        ("14", "SKU-14", 2, "9.90"),
    ]
    assert order.given["shipping_address"]["first_name"] == "Jo van"
    assert order.given["shipping_address"]["state"] == "VIC"


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (release(line("11", "1", requires_shipping=False)), "nothing_to_ship"),
        (release(line("11", "1.5")), "quantity_not_whole"),
        (release(ship_to=None), "address_missing"),
        (release(OrderLine("11", "x", Decimal(1), Amount(Decimal(1)))), "sku_missing"),
    ],
)
async def test_what_could_never_ship_is_refused_before_anything_leaves(payload: ReleaseOrder, code: str) -> None:
    wired = Wired()
    result = await wired.send(payload)
    assert isinstance(result.outcome, Rejected)
    assert result.outcome.code == code
    assert wired.asked == []


async def test_a_lost_answer_is_found_again_by_our_key() -> None:
    wired = Wired()
    assert await wired.look_up(release()) is None
    wired.lose_answers_of = "order_create"
    with pytest.raises(AnswerLost):
        await wired.send(release())
    [order] = wired.simulator.warehouse.orders.values()
    found = await wired.look_up(release())
    assert found.outcome == Done({"order": order.id, "orderNumber": str(order.legacy_id)}, repeated=True)


async def test_an_order_that_was_made_with_an_error_beside_it_is_looked_for_and_not_made_again() -> None:
    wired = Wired()
    wired.spoil = (b'{"data":', b'{"errors":[{"message":"legacy_id cannot be resolved"}],"data":')
    assert isinstance((await wired.send(release())).outcome, OutcomeUnknown)


async def test_an_order_that_is_there_twice_is_told_not_chosen() -> None:
    wired = Wired()
    await wired.send(release())
    await wired.send(release())
    found = await wired.look_up(release())
    assert isinstance(found.outcome, Conflict)
    assert found.outcome.code == "ordered_twice"
    wired.simulator.act("cancel", {"order": next(iter(wired.simulator.warehouse.orders))})
    assert isinstance((await wired.look_up(release())).outcome, Done)


async def test_signing_in_happens_once_and_again_when_revoked() -> None:
    wired = Wired()
    await wired.send(release())
    await wired.send(release())
    assert wired.asked.count("/auth/refresh") == 1
    wired.simulator._tokens.clear()
    outcome = (await wired.send(release())).outcome
    assert isinstance(outcome, RetryLater)
    assert outcome.code == "token_refused"
    assert isinstance((await wired.send(release())).outcome, Done)
    assert wired.asked.count("/auth/refresh") == 2


async def test_a_lost_answer_to_signing_in_means_nothing_was_sent() -> None:
    wired = Wired()
    wired.lose_answers_of = "/auth/refresh"
    with pytest.raises(NotSent):
        await wired.send(release())


@pytest.mark.parametrize("secrets", [{}, {"refresh_token": "wrong"}])
async def test_wrong_credentials_are_a_matter_of_the_connection(secrets: dict[str, str]) -> None:
    wired = Wired()
    wired.line.secrets.update(secrets) if secrets else wired.line.secrets.clear()  # type: ignore[attr-defined]
    assert isinstance((await wired.send(release())).outcome, Misconfigured)
    assert CONNECTOR.check is not None
    with pytest.raises(Unreachable):
        await CONNECTOR.check(wired.client)


async def test_check_names_the_account() -> None:
    assert CONNECTOR.check is not None
    assert await CONNECTOR.check(Wired().client) == "account 6334"


async def test_out_of_credits_waits_as_long_as_the_vendor_says() -> None:
    wired = Wired(credits=5.0, restore_per_s=1.0)
    await wired.send(release())
    outcome = (await wired.send(release())).outcome
    assert isinstance(outcome, RateLimited)
    assert outcome.after_s == 6.0


async def test_an_unknown_product_is_refused_with_the_vendors_words() -> None:
    outcome = (await Wired(skus=["OTHER"]).send(release())).outcome
    assert isinstance(outcome, Rejected)
    assert outcome.code == "shiphero_4"
    assert "SKU-11" in outcome.detail


async def test_cancelling_is_absorbed_and_refused_in_time() -> None:
    cancel = CancelRelease("shop-1001", reason="changed mind")
    wired = Wired()
    missing = (await wired.send(cancel)).outcome
    assert isinstance(missing, Rejected)
    assert missing.code == "not_there"
    await wired.send(release())
    first = (await wired.send(cancel)).outcome
    again = (await wired.send(cancel)).outcome
    assert (first.repeated, again.repeated) == (False, True)
    assert wired.events()[-1].status == "cancelled"

    picked = Wired()
    await picked.send(release())
    await picked.work(1.0)
    refused = (await picked.send(cancel)).outcome
    assert isinstance(refused, Rejected)
    assert "being picked" in refused.detail
    await picked.work()
    assert (await picked.send(cancel)).outcome.code == "already_shipped"


@pytest.mark.parametrize("parcels", [0.0, 1.0])
@pytest.mark.parametrize("split", [0.0, 1.0])
async def test_webhooks_and_polls_tell_the_same_shipments(split: float, parcels: float) -> None:
    wired = Wired(split=split, two_parcels=parcels)
    await wired.send(release())
    await wired.work()
    hooked = {event.shipment.id: event.shipment for event in wired.events() if isinstance(event, ShipmentSeen)}
    statuses = [event.status for event in wired.events() if isinstance(event, ReleaseSeen)]
    assert statuses == ["allocated", "packed"]
    page = await CONNECTOR.polls["shipments"].run(wired.client, None, {})
    polled = {}
    for found in page.found:
        assert (found.stream_kind, found.stream_key) == ("order", "shop-1001")
        [event] = CONNECTOR.translate("warehouse", found.topic, found.body)
        assert isinstance(event, ShipmentSeen)
        polled[event.shipment.id] = event.shipment
    assert polled.keys() == hooked.keys()
    assert (len(polled) > 1) is (split == 1.0)
    for shipment_id, shipment in polled.items():
        hook = hooked[shipment_id]
        assert shipment.lines == hook.lines
        assert shipment.packages == hook.packages
        assert shipment.location == hook.location
        assert abs(shipment.shipped_at - hook.shipped_at) < timedelta(seconds=1)
        assert sum(len(package.lines) for package in shipment.packages) >= len(shipment.lines)
    total = sum(one.quantity for shipment in polled.values() for one in shipment.lines)
    assert total == 4

    webhook = CONNECTOR.webhook
    assert webhook is not None
    identities = [webhook.identify("warehouse", sent.headers, sent.body) for sent in wired.sent]
    assert {content for one in identities for content in one.also_ids} == {found.delivery_id for found in page.found}


async def test_a_new_label_is_a_new_content_of_the_same_shipment() -> None:
    wired = Wired()
    await wired.send(release())
    await wired.work()
    before = await CONNECTOR.polls["shipments"].run(wired.client, None, {})
    wired.simulator.act("void_label", {"order": "shop-1001"})
    after = await CONNECTOR.polls["shipments"].run(wired.client, None, {})
    assert {found.delivery_id for found in before.found} != {found.delivery_id for found in after.found}
    seen = [event.shipment for event in wired.events() if isinstance(event, ShipmentSeen)]
    assert seen[0].id == seen[-1].id
    assert seen[0].packages != seen[-1].packages


async def test_the_poll_pages_to_its_end_and_reaches_back() -> None:
    wired = Wired()
    for number in range(60):
        await wired.send(release(external_id=str(number)))
    await wired.work()
    cursor, pages, keys = None, 0, set()
    more = True
    while more:
        page = await CONNECTOR.polls["shipments"].run(wired.client, cursor, {})
        cursor, more, pages = page.cursor, page.more, pages + 1
        keys |= {found.stream_key for found in page.found}
    assert len(keys) == 60
    assert pages >= 3
    assert [found.stream_key for found in (await CONNECTOR.polls["shipments"].run(wired.client, cursor, {})).found]
    wired.at += timedelta(hours=1)
    await CONNECTOR.polls["shipments"].run(wired.client, cursor, {})
    since = (wired.at - timedelta(minutes=1)).isoformat()
    assert (await CONNECTOR.polls["shipments"].run(wired.client, None, {"since": since})).found == ()


@pytest.mark.parametrize("poll", ["shipments", "orders"])
async def test_a_round_that_was_interrupted_is_followed_by_one_from_where_it_began(poll: str) -> None:
    """What the list showed late when the first page was read is older than what the last page shows."""
    wired = Wired()
    for number in range(60):
        await wired.send(release(external_id=str(number)))
    await wired.work()
    began = wired.at
    page = await CONNECTOR.polls[poll].run(wired.client, None, {})
    wired.at += timedelta(hours=2)  # the next pages fail all that time
    await wired.send(release(external_id="late"))
    await wired.work()
    while page.more:
        page = await CONNECTOR.polls[poll].run(wired.client, page.cursor, {})
    assert msgspec.json.decode(page.cursor, type=Cursor).since <= began


async def test_a_clock_of_ours_that_ran_ahead_hides_no_shipment() -> None:
    wired = Wired()
    await wired.send(release(external_id="1"))
    await wired.work()
    wired.skew = timedelta(hours=2)
    ahead = await CONNECTOR.polls["shipments"].run(wired.client, None, {})
    wired.skew = timedelta(0)
    await wired.send(release(external_id="2"))
    await wired.work()
    page = await CONNECTOR.polls["shipments"].run(wired.client, ahead.cursor, {})
    assert "shop-2" in {found.stream_key for found in page.found}


async def test_a_quiet_warehouse_is_asked_from_its_last_shipment_on() -> None:
    wired = Wired()
    await wired.send(release())
    await wired.work()
    first = await CONNECTOR.polls["shipments"].run(wired.client, None, {})
    wired.at += timedelta(hours=5)
    second = await CONNECTOR.polls["shipments"].run(wired.client, first.cursor, {})
    assert second.cursor == first.cursor
    assert [found.delivery_id for found in second.found] == [found.delivery_id for found in first.found]


async def test_a_shipment_of_an_unknown_shape_blocks_only_its_own_order() -> None:
    wired = Wired()
    for number in (1, 2):
        await wired.send(release(external_id=str(number)))
    await wired.work()
    wired.spoil = (b'"quantity":1', b'"quantity":null')
    page = await CONNECTOR.polls["shipments"].run(wired.client, None, {})
    assert {found.stream_key for found in page.found} == {"shop-1", "shop-2"}
    odd = [found for found in page.found if b'"quantity":null' in found.body]
    assert odd
    with pytest.raises(Untranslatable, match="quantity"):
        CONNECTOR.translate("warehouse", odd[0].topic, odd[0].body)


async def test_a_shipment_of_more_rows_than_are_read_is_not_taken_for_less() -> None:
    wired = Wired(split=0.0, two_parcels=0.0)
    await wired.send(release(*(line(str(number), "1") for number in range(101))))
    await wired.work()
    [found] = (await CONNECTOR.polls["shipments"].run(wired.client, None, {})).found
    with pytest.raises(Untranslatable, match="more rows"):
        CONNECTOR.translate("warehouse", found.topic, found.body)


async def test_read_back_finds_the_stream_of_a_message_without_our_key() -> None:
    wired = Wired()
    await wired.send(release())
    [order] = wired.simulator.warehouse.orders.values()
    body = b'{"webhook_type":"Order Packed Out","order_uuid":"%s"}' % order.id.encode()
    webhook = CONNECTOR.webhook
    assert webhook is not None
    identity = webhook.identify("warehouse", {}, body)
    assert (identity.stream_kind, identity.stream_key) == ("signal", f"warehouse:order:{order.id}")
    [signal] = CONNECTOR.translate("warehouse", identity.topic, body)
    assert isinstance(signal, SignalSeen)
    result = await wired.send(ReadBack(signal.kind, signal.external_id))
    [follow] = result.follows
    assert (follow.stream_kind, follow.stream_key) == ("order", "shop-1001")
    assert follow.event == ReleaseSeen("accepted", "warehouse", external_id=order.id)


async def test_lost_cancellations_and_holds_are_found_by_the_poll() -> None:
    wired = Wired(allocate_s=3600.0)
    for number in range(60):
        await wired.send(release(external_id=str(number)))
    cursor, more, pages = None, True, 0
    while more:
        page = await CONNECTOR.polls["orders"].run(wired.client, cursor, {})
        cursor, more, pages = page.cursor, page.more, pages + 1
        assert page.found == (), "orders that merely stand there tell nothing"
    assert pages >= 3
    wired.at += timedelta(hours=3)
    wired.simulator.act("cancel", {"order": "shop-7", "reason": "out of stock"})
    wired.simulator.act("hold", {"order": "shop-8"})
    wired.sent.clear()  # the webhook that never came
    found = (await CONNECTOR.polls["orders"].run(wired.client, cursor, {})).found
    assert {(one.stream_kind, one.stream_key) for one in found} == {("order", "shop-7"), ("order", "shop-8")}
    events = {one.stream_key: CONNECTOR.translate("warehouse", one.topic, one.body) for one in found}
    [cancelled], [held] = events["shop-7"], events["shop-8"]
    assert isinstance(cancelled, ReleaseSeen)
    assert isinstance(held, ReleaseSeen)
    assert (cancelled.status, held.status, held.reason) == ("cancelled", "on_hold", "operator")
    assert cancelled.external_id == wired.simulator.act("hold", {"order": "shop-7"})["id"]


async def test_a_read_back_tells_of_a_hold() -> None:
    wired = Wired(allocate_s=3600.0)
    await wired.send(release())
    made = wired.simulator.act("hold", {"order": "shop-1001", "reason": "shipping_method"})
    [follow] = (await wired.send(ReadBack("order", made["id"]))).follows
    assert follow.event == ReleaseSeen("on_hold", "warehouse", "shipping method", made["id"])
    wired.simulator.act("release_hold", {"order": "shop-1001"})
    [follow] = (await wired.send(ReadBack("order", made["id"]))).follows
    assert follow.event == ReleaseSeen("accepted", "warehouse", external_id=made["id"])


async def test_the_list_of_changed_orders_is_read_from_the_vendors_clock_and_tells_each_status_once() -> None:
    wired = Wired(allocate_s=3600.0)
    await wired.send(release(external_id="1"))
    wired.skew = timedelta(hours=2)
    ahead = await CONNECTOR.polls["orders"].run(wired.client, None, {})
    wired.skew = timedelta(0)
    wired.at += timedelta(minutes=1)
    wired.simulator.act("cancel", {"order": "shop-1"})
    first = await CONNECTOR.polls["orders"].run(wired.client, ahead.cursor, {})
    second = await CONNECTOR.polls["orders"].run(wired.client, first.cursor, {})
    assert [one.delivery_id for one in first.found] == [one.delivery_id for one in second.found] != []
    since = (wired.at + timedelta(minutes=1)).isoformat()
    assert (await CONNECTOR.polls["orders"].run(wired.client, None, {"since": since})).found == ()


def parcels(page: Page) -> list[Found]:
    return [one for one in page.found if one.topic == POLLED_PARCEL]


async def test_a_label_made_anew_is_found_though_its_webhook_was_lost() -> None:
    """Its delivery id is that of the webhook and of the poll of shipments: what was heard is not read again."""
    wired = Wired(split=0.0)
    wired.line.settings["tracking_days"] = 14  # type: ignore[index]
    await wired.send(release())
    await wired.work()
    listed = await CONNECTOR.polls["shipments"].run(wired.client, None, {})
    followed = await CONNECTOR.polls["parcels"].run(wired.client, None, {})
    assert {one.delivery_id for one in followed.found} == {one.delivery_id for one in listed.found}
    wired.at += timedelta(days=2)
    wired.simulator.act("void_label", {"order": "shop-1001"})
    (found,) = (await CONNECTOR.polls["parcels"].run(wired.client, None, {})).found
    assert found.delivery_id not in {one.delivery_id for one in listed.found}
    (signal,) = CONNECTOR.translate("warehouse", found.topic, found.body)
    assert isinstance(signal, SignalSeen)
    assert found.stream_key == f"warehouse:{signal.kind}:{signal.external_id}"
    result = await wired.send(ReadBack(signal.kind, signal.external_id))
    (follow,) = result.follows
    hooked = [event for event in wired.events() if isinstance(event, ShipmentSeen)][-1]
    assert (follow.stream_kind, follow.stream_key) == ("order", "shop-1001")
    assert isinstance(follow.event, ShipmentSeen)
    assert [one.tracking_number for one in follow.event.shipment.packages] == [
        one.tracking_number for one in hooked.shipment.packages
    ]
    assert follow.event.shipment.lines == hooked.shipment.lines
    behind = await wired.send(ReadBack(signal.kind, f"{signal.external_id.rpartition('/')[0]}/999999"))
    assert isinstance(behind.outcome, RetryLater), "the list does not have that one yet"
    assert behind.follows == ()


async def test_a_shipment_is_followed_until_it_is_delivered_and_each_word_is_one_message() -> None:
    wired = Wired()
    wired.line.settings["tracking_days"] = 14  # type: ignore[index]
    await wired.send(release())
    await wired.work()
    poll = CONNECTOR.polls["parcels"]
    assert parcels(await poll.run(wired.client, None, {})) == [], "nobody has picked it up"
    wired.simulator.act("pick_up", {"order": "shop-1001"})
    first = await poll.run(wired.client, None, {})
    again = await poll.run(wired.client, first.cursor, {})
    assert {one.delivery_id for one in again.found} == {one.delivery_id for one in first.found}
    wired.at += timedelta(days=2)
    wired.simulator.act("deliver", {"order": "shop-1001"})
    last = parcels(await poll.run(wired.client, again.cursor, {}))
    hooked = [event for event in wired.events() if isinstance(event, ShipmentSeen)]
    told = [CONNECTOR.translate("warehouse", one.topic, one.body)[0] for one in (*parcels(first), *last)]
    assert {(one.stream_kind, one.stream_key) for one in last} == {("order", "shop-1001")}
    assert {event.shipment_id for event in told if isinstance(event, ParcelSeen)} == {one.shipment.id for one in hooked}
    assert [event.status for event in told if isinstance(event, ParcelSeen)] == ["in_transit"] * len(hooked) + [
        "delivered"
    ] * len(hooked)


async def test_a_shipment_that_left_long_ago_is_followed_no_more_and_none_where_it_is_not_asked_for() -> None:
    wired = Wired()
    await wired.send(release())
    await wired.work()
    wired.simulator.act("deliver", {"order": "shop-1001"})
    asked = len(wired.asked)
    assert (await CONNECTOR.polls["parcels"].run(wired.client, None, {})).found == ()
    assert len(wired.asked) == asked
    wired.line.settings["tracking_days"] = 14  # type: ignore[index]
    assert (await CONNECTOR.polls["parcels"].run(wired.client, None, {})).found
    wired.at += timedelta(days=15)
    assert (await CONNECTOR.polls["parcels"].run(wired.client, None, {})).found == ()


async def test_many_shipments_are_followed_page_by_page() -> None:
    wired = Wired(split=0.0)
    wired.line.settings["tracking_days"] = 14  # type: ignore[index]
    for number in range(120):
        await wired.send(release(external_id=str(number)))
        wired.at += timedelta(seconds=1)
    await wired.work()
    for number in range(120):
        wired.simulator.act("deliver", {"order": f"shop-{number}"})
    cursor, more, keys = None, True, set()
    while more:
        page = await CONNECTOR.polls["parcels"].run(wired.client, cursor, {})
        cursor, more = page.cursor, page.more
        keys |= {one.stream_key for one in parcels(page)}
    assert len(keys) == 120
