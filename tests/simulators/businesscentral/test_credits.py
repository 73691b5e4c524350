"""Credit memos: one of each refund, posted, to the cent, whatever is lost on the way."""

from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.simulators.businesscentral.door import Setup
from tests.simulators.businesscentral.steps import FIRST, again, booked, send, shipment, whole

from crossdock.connectors.businesscentral import CONNECTOR
from crossdock.connectors.businesscentral.crediting import render_credit
from crossdock.connectors.businesscentral.proof import Unbookable
from crossdock.connectors.businesscentral.tests.orders import PLACED, SETTINGS, SKUS, plain_order
from crossdock.domain.commands import CreditLine, CreditRefund, MakeInvoice, PostShipment
from crossdock.domain.events import CreditSeen
from crossdock.domain.outcome import Conflict, Done, Misconfigured, Outcome, Rejected
from crossdock.kit.http import AnswerLost
from crossdock.kit.manifest import Call, Untranslatable
from crossdock.simulators.businesscentral.answers import Refusal

RATE = Decimal("0.0825")


def unit(**fields: Any) -> CreditLine:
    """One unit of the first line: 19.99 and 1.65 of tax."""
    line = CreditLine(
        "item", "Thing 1", Decimal(1), Decimal("19.99"), Decimal("1.65"), "line-1", "SKU-0001", True, "Sales tax", RATE
    )
    return msgspec.structs.replace(line, **fields)


def shipping() -> CreditLine:
    return CreditLine("shipping", "Shipping", Decimal(1), Decimal("4.90"), Decimal("0.40"), tax_rate=RATE)


def goodwill(net: str) -> CreditLine:
    return CreditLine("adjustment", "Refund", Decimal(1), Decimal(net), Decimal(0))


class Billed:
    """A company in which one order is shipped and billed."""

    def __init__(self, setup: Setup, ref: str, invoice: str) -> None:
        self.setup, self.ref, self.invoice = setup, ref, invoice

    def refund(self, *lines: CreditLine, refund_id: str = "900", apply: bool = True) -> CreditRefund:
        to = (self.invoice,) if apply else ()
        return CreditRefund(
            plain_order().key, self.ref, refund_id, PLACED, "USD", "C00000", lines or (unit(),), SKUS, to
        )

    def memos(self) -> list[dict[str, Any]]:
        return list(self.setup.books()["credit_memos"])


async def billed(**extra: Any) -> Billed:
    setup = Setup(extra)
    order = plain_order()
    ref = await booked(setup, order)
    assert isinstance((await send(setup, "shipment.post", whole(order, ref))).outcome, Done)
    made = (await send(setup, "invoice.make", MakeInvoice(order.key, ref, ("SH1",)))).outcome
    assert isinstance(made, Done)
    return Billed(setup, ref, made.refs["invoice"])


async def made(there: Billed, payload: CreditRefund, call: Call = FIRST) -> Outcome:
    return (await send(there.setup, "refund.credit", payload, call)).outcome


async def test_goods_that_come_back_are_credited_and_put_into_stock() -> None:
    there = await billed()
    stock = next(one for one in there.setup.company.items.values() if one.number == "SKU-0001")
    before = stock.inventory
    outcome = await made(there, there.refund(unit(), shipping()))
    assert isinstance(outcome, Done), outcome
    (memo,) = there.memos()
    assert (memo["total"], memo["tax"], memo["status"]) == ("26.94", "2.05", "Paid")
    assert memo["applied"] == there.invoice
    assert memo["id"] == outcome.refs["creditMemo"]
    assert stock.inventory == before + 1
    (invoice,) = there.setup.books()["invoices"]
    assert Decimal(invoice["open"]) == Decimal(invoice["total"]) - Decimal("26.94")


async def test_goods_that_stay_away_and_money_without_a_line_are_lines_of_an_account() -> None:
    there = await billed()
    stock = next(one for one in there.setup.company.items.values() if one.number == "SKU-0001")
    before = stock.inventory
    outcome = await made(there, there.refund(unit(restock=False), goodwill("-5.00")))
    assert isinstance(outcome, Done), outcome
    (memo,) = there.memos()
    assert memo["total"] == "16.64"
    assert {line["number"] for line in memo["lines"]} == {"6450"}
    assert stock.inventory == before


@pytest.mark.parametrize(
    ("moved", "day"), [(None, "2026-11-23"), (date(2026, 12, 1), "2026-12-01")], ids=["its own", "of open books"]
)
async def test_a_credit_memo_is_posted_on_its_day(moved: date | None, day: str) -> None:
    there = await billed()
    payload = msgspec.structs.replace(there.refund(), posted_on=moved)
    rendered = render_credit(payload, there.setup.settings, there.invoice)
    assert (rendered.header["creditMemoDate"], rendered.header["postingDate"]) == (day, day)
    assert isinstance(await made(there, payload), Done)


async def test_a_draft_whose_books_closed_before_it_was_posted_is_posted_on_the_first_open_day() -> None:
    there = await billed()
    there.setup.company.act("allow_posting", {"from": "2026-12-01"})
    payload = there.refund()
    refused = await made(there, payload)
    assert isinstance(refused, Rejected), refused
    assert "allowed posting dates" in refused.detail
    assert isinstance(await made(there, msgspec.structs.replace(payload, posted_on=date(2026, 12, 1))), Done)
    (memo,) = there.setup.company.ledger.of("salesCreditMemo")
    assert memo.day == date(2026, 12, 1)


async def test_each_refund_has_its_own() -> None:
    there = await billed()
    for number in ("1", "2"):
        assert isinstance(await made(there, there.refund(goodwill("1.00"), refund_id=number)), Done)
    assert [memo["comments"] for memo in there.memos()] == [["Refund 1"], ["Refund 2"]]


@pytest.mark.parametrize("request_number", [1, 2, 3])
async def test_an_answer_that_is_lost_leaves_one(request_number: int) -> None:
    there = await billed()
    payload = there.refund()
    there.setup.door.lose = request_number
    with suppress(AnswerLost):
        assert not isinstance(await made(there, payload), Done)
    outcome = (await again(there.setup, "refund.credit", payload)).outcome
    assert isinstance(outcome, Done), outcome
    (memo,) = there.memos()
    assert (memo["total"], memo["status"]) == ("21.64", "Paid")
    outcome = (await again(there.setup, "refund.credit", payload)).outcome
    assert isinstance(outcome, Done)
    assert outcome.repeated
    assert len(there.memos()) == 1


async def test_the_company_accepts_a_second_one_so_we_say_so() -> None:
    there = await billed()
    payload = there.refund()
    rendered = render_credit(payload, there.setup.settings, None)
    for _ in range(2):
        body = {**rendered.header, "salesCreditMemoLines": rendered.lines}
        there.setup.company.entities.credits.new(body, there.setup.clock())
    outcome = await made(there, payload)
    assert isinstance(outcome, Conflict)
    assert outcome.code == "doubled"


async def test_a_draft_that_somebody_changed_is_not_posted() -> None:
    there = await billed()
    payload = there.refund()
    there.setup.door.lose = 2
    with pytest.raises(AnswerLost):
        await made(there, payload)
    (draft,) = there.setup.company.ledger.of("salesCreditMemo")
    item = next(line for line in draft.lines if line.kind == "Item")
    item.quantity = Decimal(2)
    outcome = await made(there, payload, Call("key", tries=1))
    assert isinstance(outcome, Conflict), outcome
    assert [memo["status"] for memo in there.memos()] == ["Draft"]


async def test_what_business_central_brings_to_another_total_is_taken_back() -> None:
    there = await billed()
    there.setup.company.act("install_rebate", {"amount": "0.01"})
    outcome = await made(there, there.refund())
    assert isinstance(outcome, Rejected)
    assert outcome.code == "totals_differ"
    assert there.memos() == []


async def test_a_posting_that_is_refused_is_tried_again_with_the_same_draft() -> None:
    there = await billed()
    customer = next(one for one in there.setup.company.customers.values() if one.number == "C00000")

    def block(request: Any) -> None:
        customer.blocked = "All" if b"Microsoft.NAV.post" in request.body else " "

    there.setup.door.before = block
    outcome = await made(there, there.refund())
    assert isinstance(outcome, Rejected), outcome
    (memo,) = there.memos()
    assert memo["status"] == "Draft"
    there.setup.door.before, customer.blocked = None, " "
    assert isinstance(await made(there, there.refund(), Call("key", tries=1)), Done)
    (memo,) = there.memos()
    assert memo["status"] == "Paid"


async def test_an_invoice_that_is_closed_is_not_set_off() -> None:
    there = await billed()
    (invoice,) = there.setup.books()["invoices"]
    there.setup.company.act("credit", {"invoice": there.invoice, "amount": invoice["total"]})
    assert isinstance(await made(there, there.refund()), Done)
    ours = [memo for memo in there.memos() if memo["comments"]]
    assert [memo["applied"] for memo in ours] == [""]


async def test_with_tax_as_an_account_the_tax_is_a_line() -> None:
    there = await billed()
    payload = there.refund(unit(), shipping())
    rendered = render_credit(payload, {**there.setup.settings, "tax_mode": "account"}, None)
    tax = [line for line in rendered.lines if line.get("lineObjectNumber") == "5710"]
    assert [line["unitPrice"] for line in tax] == [Decimal("2.05")]


def _command(*lines: CreditLine) -> CreditRefund:
    return CreditRefund("shop1-1", "S1", "9", PLACED, "USD", "C1", lines, SKUS)


def _credit(*lines: CreditLine, **settings: Any) -> list[dict[str, Any]]:
    return render_credit(_command(*lines), {**SETTINGS, "refund_account": "6450", **settings}, None).lines


def test_a_rate_that_the_order_does_not_tell_is_the_one_that_fits() -> None:
    assert _credit(unit(tax_rate=None))[1]["taxCode"] == "T825"
    with pytest.raises(Unbookable) as refused:
        _credit(unit(tax_rate=None, tax=Decimal("3.33")))
    assert refused.value.outcome.code == "tax_rate_unknown"


def test_cents_that_rounding_each_unit_made_are_a_line_and_more_is_refused() -> None:
    lines = _credit(unit(), unit(line_id="line-1b", tax=Decimal("1.66")))
    assert [line["unitPrice"] for line in lines if line.get("lineObjectNumber") == "9140"] == [Decimal("0.01")]
    with pytest.raises(Unbookable):
        _credit(unit(tax=Decimal("1.80")))


def test_tax_that_the_channel_pays_is_a_line_of_its_own() -> None:
    lines = _credit(unit(channel_tax=True, tax_rate=None))
    assert lines[1]["taxCode"] == "T0"
    assert [line["unitPrice"] for line in lines if line.get("lineObjectNumber") == "5720"] == [Decimal("1.65")]


@pytest.mark.parametrize("setting", ["refund_account", "shipping_account"])
def test_an_account_that_is_not_set_is_named(setting: str) -> None:
    with pytest.raises(Unbookable) as refused:
        _credit(goodwill("1.00"), shipping(), **{setting: None})
    assert refused.value.outcome.field == setting


def test_nothing_here_pauses_the_connection() -> None:
    with pytest.raises(Unbookable) as refused:
        _credit(unit(tax_rate=Decimal("0.5")))
    assert not isinstance(refused.value.outcome, Misconfigured)


async def test_the_poll_tells_ours_and_other_peoples_apart() -> None:
    there = await billed()
    assert isinstance(await made(there, there.refund(goodwill("1.00"), refund_id="77")), Done)
    by_hand = there.setup.company.act("credit", {"invoice": there.invoice, "amount": "2.50"})
    page = await CONNECTOR.polls["credits"].run(there.setup.client(), None, {})
    events = [CONNECTOR.translate("erp", one.topic, one.body)[0] for one in page.found]
    assert {one.stream_key for one in page.found} == {plain_order().key}
    told = {(event.credit.made_for, event.credit.total) for event in events if isinstance(event, CreditSeen)}
    assert told == {("77", Decimal("1.00")), (None, Decimal("2.50"))}
    assert by_hand["id"] in {event.credit.id for event in events if isinstance(event, CreditSeen)}


async def test_the_credit_memo_by_which_people_cancel_an_invoice_is_told() -> None:
    there = await billed()
    stock = next(one for one in there.setup.company.items.values() if one.number == "SKU-0001")
    before = stock.inventory
    cancelled = there.setup.company.act("cancel_invoice", {"invoice": there.invoice})
    (memo,), (invoice,) = there.memos(), there.setup.books()["invoices"]
    assert (memo["status"], invoice["status"]) == ("Corrective", "Canceled")
    assert (memo["total"], Decimal(invoice["open"]), stock.inventory) == (invoice["total"], 0, before + 2)
    client, polls = there.setup.client(), CONNECTOR.polls
    (found,) = (await polls["credits"].run(client, None, {})).found
    (event,) = CONNECTOR.translate("erp", found.topic, found.body)
    assert isinstance(event, CreditSeen)
    assert (found.stream_key, event.credit.id, event.credit.made_for) == (plain_order().key, cancelled["id"], None)
    assert event.credit.total == Decimal(invoice["total"])
    assert event.credit.voids
    assert (await polls["invoices"].run(client, None, {})).found == ()


async def test_only_an_invoice_of_which_nothing_is_paid_is_cancelled_and_once() -> None:
    there = await billed()
    there.setup.company.act("credit", {"invoice": there.invoice, "amount": "1.00"})
    with pytest.raises(Refusal, match="partially paid"):
        there.setup.company.act("cancel_invoice", {"invoice": there.invoice})
    there = await billed()
    there.setup.company.act("cancel_invoice", {"invoice": there.invoice})
    with pytest.raises(Refusal, match="already been canceled"):
        there.setup.company.act("cancel_invoice", {"invoice": there.invoice})
    assert len(there.memos()) == 1


async def test_what_a_cancelled_invoice_billed_of_an_open_order_is_shipped_and_billed_again() -> None:
    setup, order = Setup(), plain_order()
    ref = await booked(setup, order)
    part = PostShipment(order.key, ref, shipment("SH1", (1, "2")), SKUS)
    assert isinstance((await send(setup, "shipment.post", part)).outcome, Done)
    made = (await send(setup, "invoice.make", MakeInvoice(order.key, ref, ("SH1",)))).outcome
    assert isinstance(made, Done)
    setup.company.act("cancel_invoice", {"invoice": made.refs["invoice"]})
    (open_,) = setup.books()["orders"]
    assert {(line["shipped"], line["invoiced"]) for line in open_["lines"]} == {("0", "0")}
    setup.company.act("post", {"order": ref})
    assert [one["total"] for one in setup.books()["invoices"]][1:] == [str(order.totals.total.shop)]


async def test_drafts_are_told_to_nobody() -> None:
    there = await billed()
    there.setup.door.lose = 2
    with pytest.raises(AnswerLost):
        await made(there, there.refund())
    assert (await CONNECTOR.polls["credits"].run(there.setup.client(), None, {})).found == ()


@pytest.mark.parametrize("body", [b"", b"{}", b"[", b'{"id":"1","number":"1","total":"NaN","currency":"USD"}'])
def test_a_polled_credit_memo_that_cannot_be_read_says_so(body: bytes) -> None:
    with pytest.raises(Untranslatable):
        CONNECTOR.translate("erp", "credit_memo", body)
