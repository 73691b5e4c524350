"""Returns whose circumstances change: a product is renamed, an announcement is replaced or answered late."""

from decimal import Decimal

import msgspec
from tests.domain.factories import CHANNEL, NOON, Play, shipment, shipped
from tests.domain.test_refunds import sold
from tests.domain.test_returns_onward import (
    KEY,
    ONWARD,
    answered,
    gone,
    received,
    returned,
    sent,
)

from crossdock.domain.commands import AnnounceReturn, PushReturn, RecallReturn
from crossdock.domain.events import OrderSeen, ReturnSeen
from crossdock.domain.outcome import Done, Rejected
from crossdock.domain.refund import Return, ReturnedLine


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


def test_a_return_that_is_again_as_it_was_while_it_is_called_off_is_announced_again() -> None:
    play = gone()
    play.tell(returned("authorised", 2))
    answered(play)
    play.tell(returned("authorised", 1, age_s=1), returned("authorised", 2, age_s=2))
    assert len(sent(play, RecallReturn)) == 1
    play.settle("return.recall")
    assert [(one.reference, int(one.lines[0].quantity)) for one in sent(play, AnnounceReturn)] == [
        (f"{KEY}-77", 2),
        (f"{KEY}-77-2", 2),
    ]
    answered(play, "R-2")
    play.tell(returned("authorised", 2, age_s=3))
    assert (len(sent(play, AnnounceReturn)), len(sent(play, RecallReturn))) == (2, 1)


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


def test_the_channel_is_told_by_the_lines_of_its_return() -> None:
    """A warehouse knows the product; of two lines of it the channel's return names the other one."""
    lines = [msgspec.structs.replace(line, sku="SKU-1") for line in sold(False).lines]
    play = Play(**ONWARD, push_returns=True)
    play.tell(OrderSeen(sold(False, lines=lines)))
    play.settle_all()
    play.tell(shipped(shipment(lines=[("1", 3), ("2", 1)])))
    play.settle_all()
    both = (ReturnedLine("1", Decimal(1)), ReturnedLine("2", Decimal(1)))
    play.tell(ReturnSeen(Return("77", "authorised", both, NOON), CHANNEL))
    answered(play)
    play.tell(received(2, 1, line="1", finished=True))
    [told] = sent(play, PushReturn)
    rows = [(row.line_id, int(row.received), int(row.restocked)) for row in told.receipt.rows]
    assert rows == [("1", 1, 1), ("2", 1, 0)]
