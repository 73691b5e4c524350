"""Quantities at Amazon: absolute, read before and after, never sent twice; what Amazon ships itself is left alone."""

from datetime import timedelta
from typing import Any

import pytest

from crossdock.connectors.amazon import CONNECTOR
from crossdock.domain.commands import PublishStock
from crossdock.domain.outcome import Conflict, Done, OutcomeUnknown, RateLimited, Rejected, RetryLater
from crossdock.domain.stock_events import LevelSeen
from crossdock.kit.http import AnswerLost
from crossdock.kit.manifest import Call, Result

SKU = "SKU-0007"


@pytest.fixture
def stocked(seller: Any) -> Any:
    seller.settings |= {"seller_id": "A3SIMULATED", "marketplace_ids": ["ATVPDKIKX0DER"], "stock_levels": True}
    seller.sim.act("list_item", {"sku": SKU, "quantity": 4, "product_type": "LUGGAGE", "lead_time": 7})
    return seller


def number(quantity: int, expected: int | None = 4, **changes: Any) -> PublishStock:
    return PublishStock(
        **{"sku": SKU, "location": "DEFAULT", "quantity": quantity, "version": 2, **changes}, expected=expected
    )


def shows(seller: Any, sku: str = SKU) -> int:
    (quantity,) = seller.sim.books()["stock"][sku].values()
    return int(quantity)


def level(result: Result) -> LevelSeen:
    (follow,) = result.follows
    assert (follow.stream_kind, follow.stream_key) == ("stock", SKU)
    assert isinstance(follow.event, LevelSeen)
    return follow.event


async def test_a_number_is_set_and_the_lead_time_stays(stocked: Any) -> None:
    result = await stocked.do(number(9))
    assert result.outcome == Done()
    assert result.throttle_s > 0, "five patches a second"
    item = stocked.sim.listings.items[SKU]
    assert (item.quantity, item.lead_time) == (9, 7), "an attribute is replaced whole: what is left out is reset"
    methods = [one.request.method for one in stocked.seen]
    assert methods == ["GET", "PATCH", "GET"], "read, set, read whether it shows"


async def test_the_first_number_reads_what_is_there(stocked: Any) -> None:
    assert (await stocked.do(number(2, expected=None))).outcome == Done()
    assert shows(stocked) == 2


async def test_what_shows_already_is_not_sent(stocked: Any) -> None:
    assert (await stocked.do(number(4, expected=6))).outcome == Done(repeated=True)
    assert stocked.sim.listings.taken[SKU] == 0


@pytest.mark.parametrize("ahead_h", [0, 2, -2])
async def test_a_sale_we_have_not_heard_of_is_not_overwritten(stocked: Any, ahead_h: int) -> None:
    """Told by Amazon's clock: a machine's own may be hours off."""
    stocked.ahead = timedelta(hours=ahead_h)
    assert stocked.sim.act("buy", {"sku": SKU, "quantity": 3})["sold_out"] is False
    result = await stocked.do(number(9))
    assert isinstance(result.outcome, Conflict)
    assert result.outcome.code == "stock.stale"
    seen = level(result)
    assert (seen.channel, seen.location, seen.quantity, seen.as_of) == ("amazon", "DEFAULT", 1, stocked.at)
    assert shows(stocked) == 1


async def test_accepted_is_not_done_until_the_listing_shows_it(stocked: Any) -> None:
    stocked.sim.listings.lag_s = 90.0
    result = await stocked.do(number(2))
    assert isinstance(result.outcome, OutcomeUnknown), "other channels must not show these units yet"
    assert shows(stocked) == 4
    stocked.later(100)
    found = await stocked.look_up(number(2))
    assert found is not None
    assert found.outcome == Done(repeated=True)


@pytest.mark.parametrize("processed", [True, False])
async def test_a_number_is_not_sent_again_over_a_sale(stocked: Any, processed: bool) -> None:
    """Whether it was taken and sold from, or not taken: what shows is told, and the next version is made of it."""
    stocked.sim.listings.lag_s = 0.0 if processed else 1e6
    stocked.lost_patches = 1
    with pytest.raises(AnswerLost):
        await stocked.do(number(9))
    stocked.sim.act("buy", {"sku": SKU})
    found = await stocked.look_up(number(9))
    assert found is not None
    assert isinstance(found.outcome, Conflict)
    assert level(found).quantity == (8 if processed else 3)
    assert stocked.sim.listings.taken[SKU] == 1


async def test_what_does_not_show_is_given_time_and_then_sent_once_more(stocked: Any) -> None:
    """Nothing has moved, so nothing can be overwritten; the engine's bounded tries tell a person in the end."""
    stocked.sim.listings.lag_s = 1e6
    assert isinstance((await stocked.do(number(9))).outcome, OutcomeUnknown)
    look_up = CONNECTOR.operations["stock.publish"].look_up
    assert look_up is not None
    for tries in (1, 2):
        waits = await look_up(stocked.client, number(9), Call("k", tries))
        assert waits is not None
        assert isinstance(waits.outcome, OutcomeUnknown)
    assert await look_up(stocked.client, number(9), Call("k", 3)) is None
    stocked.sim.act("list_item", {"sku": SKU, "quantity": 3})
    sold = await look_up(stocked.client, number(9), Call("k", 3))
    assert sold is not None
    assert isinstance(sold.outcome, Conflict)


async def test_a_patch_that_is_accepted_and_then_refused_is_told_with_its_issue(stocked: Any) -> None:
    stocked.sim.listings.spoils = True
    assert isinstance((await stocked.do(number(9))).outcome, OutcomeUnknown)
    found = await stocked.look_up(number(9))
    assert found is not None
    assert isinstance(found.outcome, Rejected)
    assert "8541" in found.outcome.detail


async def test_what_amazon_ships_itself_stays_in_its_hands(stocked: Any) -> None:
    stocked.sim.act("list_item", {"sku": SKU, "quantity": 0, "afn": True})
    result = await stocked.do(number(9))
    assert isinstance(result.outcome, Rejected)
    assert result.outcome.code == "stock.unlisted"
    assert stocked.sim.listings.items[SKU].channel == "AMAZON_NA"
    assert stocked.sim.listings.taken[SKU] == 0


async def test_refusals_are_told_apart(stocked: Any) -> None:
    unlisted = (await stocked.do(number(9, sku="NONE"))).outcome
    elsewhere = (await stocked.do(number(9, location="101"))).outcome
    assert isinstance(unlisted, Rejected)
    assert isinstance(elsewhere, Rejected)
    assert {unlisted.code, elsewhere.code} == {"stock.unlisted"}
    del stocked.settings["seller_id"]
    unset = (await stocked.do(number(9))).outcome
    assert isinstance(unset, Rejected)
    assert unset.code == "amazon.stock_settings"


async def test_an_invalid_patch_names_amazons_reason(stocked: Any) -> None:
    before = stocked.sim.listings.items[SKU]
    real = stocked.sim.listings.patch

    def changed_meanwhile(sku: str, *rest: Any) -> Any:
        before.product_type = "SUITCASE"  # between our read and the patch
        return real(sku, *rest)

    stocked.sim.listings.patch = changed_meanwhile
    outcome = (await stocked.do(number(9))).outcome
    assert isinstance(outcome, Rejected)
    assert outcome.code == "amazon.listing_invalid"
    assert "SUITCASE" in outcome.detail


async def test_a_lost_read_changed_nothing_and_a_lost_patch_may_have(stocked: Any) -> None:
    stocked.lost_reads = 1
    assert isinstance((await stocked.do(number(9))).outcome, RetryLater)
    stocked.lost_reads = 2
    stocked.skip_reads = 1
    assert isinstance((await stocked.do(number(9))).outcome, OutcomeUnknown), "it was accepted; who knows what shows"
    assert shows(stocked) == 9


async def test_too_many_at_once_wait(make_seller: Any) -> None:
    seller = make_seller(plan=1.0)
    seller.settings |= {"seller_id": "A3SIMULATED", "marketplace_ids": ["ATVPDKIKX0DER"]}
    seller.sim.act("list_item", {"sku": SKU, "quantity": 4})
    outcomes = [(await seller.do(number(n, expected=None))).outcome for n in range(10, 20)]
    limited = [one for one in outcomes if isinstance(one, RateLimited)]
    assert limited
    assert all(0 < one.after_s <= 1 for one in limited)


async def test_levels_are_compared_over_all_pages_beyond_a_thousand(
    stocked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crossdock.connectors.amazon.stocking.MOST_LISTED", 40)
    monkeypatch.setattr("crossdock.simulators.amazon.listings._MOST_PAGED", 40)
    for nth in range(100):
        stocked.later(1)
        stocked.sim.act("list_item", {"sku": f"S{nth:03}", "quantity": nth, "afn": nth == 50})
    stocked.ahead = timedelta(hours=2)
    found, _ = await stocked.poll("levels")
    seen = {}
    for one in found:
        (event,) = CONNECTOR.translate("amazon", one.topic, one.body)
        assert isinstance(event, LevelSeen)
        seen[event.sku] = event.quantity
        assert event.as_of == stocked.at
    assert seen == {SKU: 4, **{f"S{nth:03}": nth for nth in range(100) if nth != 50}}


async def test_levels_are_compared_only_where_asked_for(stocked: Any) -> None:
    stocked.settings["stock_levels"] = False
    assert (await stocked.poll("levels"))[0] == []
    assert stocked.seen == []
