"""Captures as customer payments in a payment journal: one document each, applied to the invoice, whatever is lost."""

from decimal import Decimal
from typing import Any

import pytest
from tests.simulators.businesscentral.door import Setup
from tests.simulators.businesscentral.steps import FIRST, again, send
from tests.simulators.businesscentral.test_credits import Billed, billed

from crossdock.connectors.businesscentral.tests.orders import PLACED, plain_order
from crossdock.domain.commands import Applied, PayRefund, PostPayment
from crossdock.domain.outcome import Conflict, Done, Outcome, Rejected
from crossdock.kit.http import AnswerLost
from crossdock.simulators.businesscentral.answers import Refusal


def total(there: Billed) -> Decimal:
    (invoice,) = there.setup.books()["invoices"]
    return Decimal(invoice["total"])


def paid(there: Billed, amount: Decimal | None = None, **more: Any) -> PostPayment:
    """The whole of the invoice, by card."""
    amount = total(there) if amount is None else amount
    fields: dict[str, Any] = {"payment_id": "31", "gateway": "card", "amount": amount, "currency": "USD"}
    fields |= {"order_key": plain_order().key, "erp_ref": there.ref, "paid_at": PLACED, "source": "shop1"}
    fields |= {"customer_ref": "C00000", "apply": (Applied(there.invoice, amount),)}
    return PostPayment(**{**fields, **more})


async def made(setup: Setup, payload: PostPayment) -> Outcome:
    return (await send(setup, "payment.post", payload, FIRST)).outcome


def invoice(there: Billed) -> dict[str, Any]:
    (found,) = there.setup.books()["invoices"]
    return dict(found)


async def test_a_capture_pays_the_invoice_and_is_where_the_journal_says() -> None:
    there = await billed()
    outcome = await made(there.setup, paid(there))
    assert isinstance(outcome, Done), outcome
    assert (invoice(there)["open"], invoice(there)["status"]) == ("0.00", "Paid")
    (entry,) = there.setup.books()["customer_entries"]
    assert entry["applied"] == {there.invoice: str(total(there))}
    sums = {one["account"]: Decimal(one["amount"]) for one in there.setup.books()["ledger_entries"]}
    assert sums == {"1210": -total(there), "1130": total(there)}
    assert {one["document"] for one in there.setup.books()["ledger_entries"]} == {outcome.refs["documentNumber"]}


@pytest.mark.parametrize("nth", [1, 2])
async def test_an_answer_lost_at_any_request_leaves_one_payment(nth: int) -> None:
    there = await billed()
    there.setup.door.lose = nth
    outcome: Outcome | None = None
    try:
        outcome = await made(there.setup, paid(there))
    except AnswerLost:
        assert nth == 2
    assert not isinstance(outcome, Done)
    found = (await again(there.setup, "payment.post", paid(there))).outcome
    assert isinstance(found, Done), found
    assert len(there.setup.books()["customer_entries"]) == 1
    assert isinstance(await made(there.setup, paid(there)), Done)
    assert len(there.setup.books()["customer_entries"]) == 1


async def test_what_is_not_open_any_more_is_a_line_of_its_own_and_found_as_one_payment() -> None:
    there = await billed()
    there.setup.company.act("credit", {"invoice": there.invoice, "amount": "10.00"})
    for repeated in (False, True):
        outcome = await made(there.setup, paid(there))
        assert isinstance(outcome, Done), outcome
        assert outcome.repeated is repeated
    applied = [one["applied"] for one in there.setup.books()["customer_entries"]]
    assert applied == [{there.invoice: str(total(there) - 10)}, {}]
    assert sum(Decimal(one["amount"]) for one in there.setup.books()["customer_entries"]) == -total(there)


async def test_two_tenders_are_two_documents() -> None:
    there = await billed(payment_journals={"card": "XDPAY", "gift_card": "XDPAY"})
    rest = total(there) - 5
    gift = paid(there, Decimal(5), payment_id="32", gateway="gift_card", gift_card=True)
    for each in (gift, paid(there, rest)):
        assert isinstance(await made(there.setup, each), Done)
    assert len({one["document"] for one in there.setup.books()["customer_entries"]}) == 2
    assert invoice(there)["open"] == "0.00"


async def test_a_customer_by_id_is_a_customer() -> None:
    there = await billed()
    ref = next(one.id for one in there.setup.company.customers.values() if one.number == "C00000")
    assert isinstance(await made(there.setup, paid(there, customer_ref=ref)), Done)


@pytest.mark.parametrize(
    ("extra", "gateway", "code"),
    [
        ({"payment_journals": {}}, "card", "setting_missing"),
        ({"payment_journals": {"default": "XDPAY"}}, "gift_card", "setting_missing"),
        ({"payment_journals": {"default": "NONE"}}, "card", "journal_unknown"),
        ({}, "card", "currency_by_hand"),
    ],
)
async def test_what_cannot_be_posted_is_refused_and_nothing_is_written(
    extra: dict[str, Any], gateway: str, code: str
) -> None:
    there = await billed(**extra)
    currency = "EUR" if code == "currency_by_hand" else "USD"
    outcome = await made(there.setup, paid(there, gateway=gateway, gift_card=gateway == "gift_card", currency=currency))
    assert isinstance(outcome, Rejected)
    assert outcome.code == code
    assert there.setup.books()["customer_entries"] == []


async def test_other_peoples_payments_in_the_journal_are_never_posted() -> None:
    there = await billed()
    desk = there.setup.company.journals
    journal = next(iter(desk.payment_batches))
    body = {"journalId": journal, "customerNumber": "C00001", "documentNumber": "X", "amount": Decimal(-7)}
    desk.new_payment(body, there.setup.clock())
    outcome = await made(there.setup, paid(there))
    assert isinstance(outcome, Conflict)
    assert outcome.code == "journal_in_use"
    assert (there.setup.books()["customer_entries"], len(desk.lines)) == ([], 1)


async def test_a_payment_journal_refuses_what_a_customer_did_not_pay() -> None:
    there = await billed()
    desk, now = there.setup.company.journals, there.setup.clock()
    journal = next(iter(desk.payment_batches))
    body = {"journalId": journal, "customerNumber": "C00000", "documentNumber": "X"}
    desk.new_payment({**body, "amount": Decimal(7)}, now)
    with pytest.raises(Refusal, match="must be negative"):
        desk.post(journal, now)
    desk.lines.clear()
    desk.new_payment({**body, "amount": -total(there) - 1, "appliesToInvoiceId": there.invoice}, now)
    with pytest.raises(Refusal, match="exceeds the remaining amount"):
        desk.post(journal, now)
    with pytest.raises(Refusal, match="does not match to a Customer"):
        desk.new_payment({"journalId": journal, "customerNumber": "none"}, now)
    assert desk.entries == []


async def test_money_paid_back_is_applied_where_the_customer_says_to_the_oldest() -> None:
    there = await billed()
    there.setup.company.act("apply_to_oldest", {"number": "C00000"})
    made_ = (await send(there.setup, "refund.credit", there.refund(apply=False))).outcome
    assert isinstance(made_, Done)
    (memo,) = there.memos()
    key, amount = plain_order().key, Decimal(memo["total"])
    payload = PayRefund(key, there.ref, "900", PLACED, "USD", "C00000", amount, memo["id"])
    assert isinstance((await send(there.setup, "refund.pay", payload)).outcome, Done)
    assert there.setup.books()["customer_entries"][0]["applied"] == {memo["id"]: memo["total"]}
    assert there.setup.company.journals.open_credit(memo["id"]) == 0
