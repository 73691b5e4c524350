"""Returns whose circumstances change: a product is renamed, an announcement is replaced or answered late."""

from decimal import Decimal

import msgspec
from tests.domain.test_refunds import sold
from tests.domain.test_returns_onward import (
    KEY,
    answered,
    gone,
    received,
    returned,
    sent,
)

from crossdock.domain.commands import AnnounceReturn, PushReturn, RecallReturn
from crossdock.domain.events import OrderSeen
from crossdock.domain.outcome import Done, Rejected


def test_the_channel_is_told_once_it_is_known_which_return_it_is() -> None:
    """The announcement's answer is late: until then nobody knows whose the warehouse's return is."""
    play = gone(push_returns=True)
    play.tell(returned("authorised", 1), received(1, 1, finished=True))
    play.settle("return.push", Done({}))
    answered(play)
    assert [(one.number, one.return_id) for one in sent(play, PushReturn)] == [(1, None), (2, "77")]


def test_a_product_that_is_renamed_is_not_announced_anew() -> None:
    play = gone()
    play.tell(returned("authorised", 2))
    answered(play)
    lines = [msgspec.structs.replace(line, title="Another name") for line in sold(False).lines]
    play.tell(OrderSeen(sold(False, lines=lines, age_s=60)))
    play.tell(returned("authorised", 2, age_s=5))
    assert sent(play, RecallReturn) == []
    assert len(sent(play, AnnounceReturn)) == 1


def test_an_announcement_that_another_one_replaced_is_not_sent_by_a_retry() -> None:
    play = gone()
    play.tell(returned("authorised", 3))
    play.settle("return.announce", Rejected("sku_missing", "no SKU"))
    play.tell(returned("authorised", 2))
    assert [one.reference for one in sent(play, AnnounceReturn)] == [f"{KEY}-77", f"{KEY}-77-2"]
    play.settle("return.announce", Rejected("sku_missing", "no SKU"))
    again = play.act("retry", step="return.announce").again
    assert [key.rpartition("/")[2] for key in again] == ["2"], again
    play.settle("return.announce", Done({"return": "R-2"}))
    assert play.codes() == set()
    assert play.state.announced["77"].lines[0].quantity == Decimal(2)
