"""Captures as customer payments: applied to the invoice, one under our external id, never beyond what is open."""

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.simulators.netsuite.test_credits import NOW, Account

from crossdock.connectors.netsuite.payments import render_customer_payment
from crossdock.domain.commands import Applied, PostPayment
from crossdock.domain.outcome import Done, Rejected
from crossdock.kit.http import AnswerLost

PAYMENT = "/services/rest/record/v1/customerPayment"


def paid(account: Account, amount: str = "35.70", **more: Any) -> PostPayment:
    """The whole of the account's invoice, by card."""
    applied = (Applied(account.invoice, Decimal(amount)),)
    fields: dict[str, Any] = {"payment_id": "31", "gateway": "card", "amount": Decimal(amount), "apply": applied}
    fields |= {"order_key": "shop-1", "erp_ref": account.ordered, "paid_at": NOW, "source": "shop", "currency": "EUR"}
    return PostPayment(**{**fields, "customer_ref": "9001", **more})


def made(account: Account) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = account.sim.books()["customer_payments"]
    return found


def left(account: Account) -> Decimal:
    invoice = account.sim.ledger.find("invoice", account.invoice)
    assert invoice is not None
    return account.sim.ledger.open_amount(invoice)


async def test_a_capture_is_a_customer_payment_that_pays_the_invoice() -> None:
    account = await Account().open()
    outcome = (await account.do(paid(account))).outcome
    [one] = made(account)
    assert outcome == Done({"customerPayment": one["id"]})
    assert (one["external_id"], one["account"], one["amount"]) == ("shop-1-PAY-31", "121", "35.70")
    assert one["applied"] == {account.invoice: "35.70"}
    assert left(account) == 0


async def test_a_lost_answer_is_found_and_not_made_again() -> None:
    account = await Account().open()
    account.lose = 1
    with pytest.raises(AnswerLost):
        await account.do(paid(account))
    assert isinstance((await account.do(paid(account), tries=1)).outcome, Done)
    assert isinstance((await account.do(paid(account))).outcome, Done)  # our external id is taken
    assert len(made(account)) == 1


async def test_two_tenders_are_two_payments_of_one_invoice() -> None:
    account = await Account(payment_accounts={"gift_card": "129", "shop.card": "201"}).open()
    card = paid(account, "30.00")
    gift = paid(account, "5.70", payment_id="32", gateway="gift_card", gift_card=True)
    for each in (card, gift):
        assert isinstance((await account.do(each)).outcome, Done)
    assert [one["account"] for one in made(account)] == ["201", "129"]
    assert left(account) == 0


async def test_what_is_not_open_any_more_stays_on_the_customers_account() -> None:
    account = await Account().open()
    account.sim.act("credit", {"invoice": account.invoice, "amount": "10.00"})
    assert isinstance((await account.do(paid(account))).outcome, Done)
    assert made(account)[0]["applied"] == {account.invoice: "25.70"}
    another = paid(account, "1.00", payment_id="33")
    assert isinstance((await account.do(another)).outcome, Done)
    assert made(account)[1]["applied"] == {}


async def test_a_gift_card_without_an_account_of_its_own_waits() -> None:
    account = await Account(payment_accounts={"default": "201"}).open()
    outcome = (await account.do(paid(account, gateway="gift_card", gift_card=True))).outcome
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.field) == ("setting_missing", "payment_accounts.gift_card")
    assert made(account) == []


async def test_a_payment_is_dated_on_the_posting_day_where_one_is_given() -> None:
    account = await Account().open()
    open_ = {account.invoice: Decimal("35.70")}
    moved = msgspec.structs.replace(paid(account), posted_on=date(2026, 12, 1))
    assert render_customer_payment(moved, open_, account.settings)["tranDate"] == "2026-12-01"
    assert render_customer_payment(paid(account), open_, account.settings)["tranDate"] == "2026-11-26"


async def test_the_account_makes_a_second_one_of_a_repeat_without_an_external_id() -> None:
    account = await Account().open()
    applied = {"items": [{"doc": {"id": account.invoice}, "apply": True, "amount": Decimal(40)}]}
    body = {"customer": {"id": "9001"}, "currency": {"id": "4"}, "payment": Decimal(5), "account": {"id": "121"}}
    for _ in range(2):
        assert (await account.ask("POST", PAYMENT, body)).status == 204
    assert len(made(account)) == 2
    assert (await account.ask("POST", PAYMENT, {**body, "payment": Decimal(40), "apply": applied})).status == 400
    assert (await account.ask("POST", PAYMENT, {**body, "payment": 0})).status == 400
    assert (await account.ask("POST", PAYMENT, {**body, "account": {"id": "9"}})).status == 400
    assert len(made(account)) == 2
