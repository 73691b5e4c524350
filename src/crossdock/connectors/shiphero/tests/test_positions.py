"""Positions: all of them every quarter hour, and what an Inventory Update names read back at once."""

import msgspec
import pytest

from crossdock.connectors.shiphero import CONNECTOR
from crossdock.connectors.shiphero.tests.test_against_simulator import Wired, line, release
from crossdock.domain.commands import ReadBack
from crossdock.domain.events import SignalSeen
from crossdock.domain.outcome import Done, Rejected
from crossdock.domain.stock_events import PositionSeen
from crossdock.kit.manifest import Untranslatable
from crossdock.simulators.shiphero.views import WAREHOUSE_ID as HERE


async def everything(wired: Wired) -> list[PositionSeen]:
    found: list[PositionSeen] = []
    cursor = None
    for _ in range(50):
        page = await CONNECTOR.polls["positions_all"].run(wired.client, cursor, {})
        for one in page.found:
            (seen,) = CONNECTOR.translate("warehouse", one.topic, one.body)
            assert isinstance(seen, PositionSeen)
            assert (one.stream_kind, one.stream_key) == ("stock", seen.sku)
            found.append(seen)
        cursor = page.cursor
        if not page.more:
            return found
    raise AssertionError("the poll does not end")


def numbers(seen: PositionSeen) -> tuple[int, int]:
    return int(seen.on_hand), int(seen.committed)


async def test_on_hand_allocated_and_backordered_by_warehouse() -> None:
    wired = Wired()
    wired.simulator.act("count_stock", {"sku": "SKU-11", "quantity": 2})
    wired.simulator.act("count_stock", {"sku": "SKU-12", "quantity": 9})
    wired.simulator.act("count_stock", {"sku": "SKU-12", "quantity": 4, "warehouse": "V2FyZWhvdXNlOjI="})
    await wired.send(release(line("11", "3"), line("12", "1")))
    found = {(one.sku, one.location): one for one in await everything(wired)}
    assert numbers(found["SKU-11", HERE]) == (2, 3), "three are wanted: two are allocated, one takes what comes next"
    assert numbers(found["SKU-12", HERE]) == (9, 1)
    assert numbers(found["SKU-12", "V2FyZWhvdXNlOjI="]) == (4, 0)
    assert {(one.source, one.as_of) for one in found.values()} == {("warehouse", wired.at)}


async def test_shipping_moves_both_numbers_and_each_move_is_told_and_read_back() -> None:
    wired = Wired(split=0.0)
    wired.simulator.act("count_stock", {"sku": "SKU-12", "quantity": 9})
    await wired.send(release(line("12", "2")))
    await wired.work()
    (seen,) = await everything(wired)
    assert numbers(seen) == (7, 0)
    signals = [event for event in wired.events() if isinstance(event, SignalSeen)]
    assert len(signals) >= 3, "counted, allocated, shipped"
    assert {(one.kind, one.external_id) for one in signals} == {("stock", '["SKU-12"]')}
    result = await wired.send(ReadBack("stock", signals[-1].external_id))
    assert isinstance(result.outcome, Done)
    (follow,) = result.follows
    assert (follow.stream_kind, follow.stream_key, follow.event) == ("stock", "SKU-12", seen)


def test_messages_of_one_sku_share_a_stream_and_so_each_is_read() -> None:
    """A read is named by what it reads and its number within its stream: two streams would name two reads alike."""
    webhook = CONNECTOR.webhook
    assert webhook is not None
    bodies = [b'{"webhook_type":"Inventory Update","inventory":[{"sku":"A","inventory":"%d"}]}' % n for n in (1, 2)]
    keys = {webhook.identify("wms", {"x-shiphero-message-id": body.hex()}, body).stream_key for body in bodies}
    assert keys == {'wms:stock:["A"]'}


async def test_a_row_without_a_number_stops_its_own_sku_and_no_other() -> None:
    wired = Wired()
    for sku in ("SKU-1", "SKU-2"):
        wired.simulator.act("count_stock", {"sku": sku, "quantity": 2})
    wired.spoil = (b'"on_hand":2', b'"on_hand":null')
    page = await CONNECTOR.polls["positions_all"].run(wired.client, None, {})
    odd, good = page.found
    assert (odd.stream_key, good.stream_key) == ("SKU-1", "SKU-2")
    with pytest.raises(Untranslatable, match="on_hand"):
        CONNECTOR.translate("warehouse", odd.topic, odd.body)
    [seen] = CONNECTOR.translate("warehouse", good.topic, good.body)
    assert isinstance(seen, PositionSeen)
    result = await wired.send(ReadBack("stock", '["SKU-1"]'))
    assert (isinstance(result.outcome, Done), result.follows) == (True, ())


async def test_pages_end_and_miss_no_sku(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crossdock.connectors.shiphero.positions.PAGE_SIZE", 3)
    wired = Wired()
    for nth in range(10):
        wired.simulator.act("count_stock", {"sku": f"SKU-{nth}", "quantity": nth})
    assert {one.sku: one.on_hand for one in await everything(wired)} == {f"SKU-{nth}": nth for nth in range(10)}


async def test_a_message_that_names_many_skus_is_one_read_and_an_odd_one_is_said() -> None:
    wired = Wired()
    for sku in ("A", "B", "C"):
        wired.simulator.act("count_stock", {"sku": sku, "quantity": 1})
    body = msgspec.json.encode({"webhook_type": "Inventory Update", "inventory": [{"sku": s} for s in "BABZ"]})
    (signal,) = CONNECTOR.translate("warehouse", "Inventory Update", body)
    assert isinstance(signal, SignalSeen)
    result = await wired.send(ReadBack(signal.kind, signal.external_id))
    assert [one.stream_key for one in result.follows] == ["A", "B"], "of Z there is nothing in any warehouse"
    assert isinstance((await wired.send(ReadBack("stock", "no list"))).outcome, Rejected)
    with pytest.raises(Untranslatable, match="inventory"):
        CONNECTOR.translate("warehouse", "Inventory Update", b'{"webhook_type":"Inventory Update"}')
    with pytest.raises(Untranslatable, match="cannot be read"):
        CONNECTOR.translate("warehouse", "position", b"{}")
