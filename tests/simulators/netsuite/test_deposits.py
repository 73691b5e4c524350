"""Captures as customer deposits: one under our external id, on the sales order, applied to what is billed of it."""

from decimal import Decimal
from typing import Any

import pytest
from tests.simulators.netsuite.test_credits import NOW, Account
from tests.simulators.netsuite.test_payments import paid

from crossdock.domain.commands import ApplyDeposit, Drawn, PayRefund, PostDeposit
from crossdock.domain.outcome import Conflict, Done, Misconfigured, Rejected
from crossdock.kit.http import AnswerLost, Response
from crossdock.simulators.netsuite.answers import Refusal
from crossdock.simulators.netsuite.transforms import bill, fulfil


class Withheld(Account):
    """An account that refuses to show one kind of record."""

    def __init__(self, kind: str, status: int = 403, code: str = "INSUFFICIENT_PERMISSION") -> None:
        super().__init__()
        self._kind, self._refusal = kind, Refusal(status, code, "no")

    async def request(self, method: str, url: str, **more: Any) -> Response:
        if method == "GET" and f"/record/v1/{self._kind}/" in url:
            reply = self._refusal.reply()
            return Response(reply.status, dict(reply.headers), reply.body)
        return await super().request(method, url, **more)


FIELDS: dict[str, Any] = {"order_key": "shop-1", "payment_id": "31"}


def deposit(account: Account, **more: Any) -> PostDeposit:
    fields = {**FIELDS, "erp_ref": account.ordered, "paid_at": NOW, "source": "shop", "gateway": "card"}
    fields |= {"currency": "EUR", "customer_ref": "9001", "amount": Decimal("35.70")}
    return PostDeposit(**{**fields, **more})


def application(account: Account, amount: str = "35.70", ref: str = "", **more: Any) -> ApplyDeposit:
    fields = {**FIELDS, "erp_ref": account.ordered, "deposit_ref": ref, "invoice": account.invoice}
    return ApplyDeposit(**{**fields, "amount": Decimal(amount), "applied_at": NOW, **more})


def drawn(account: Account, *parts: tuple[str, str], nth: int = 1) -> PayRefund:
    out = tuple(Drawn(id_, "", Decimal(amount)) for id_, amount in parts)
    whole = sum((one.amount for one in out), Decimal(0))
    return PayRefund("shop-1", account.ordered, "77", NOW, "EUR", "9001", whole, drawn=out, nth=nth)


def deposits(account: Account) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = account.sim.books()["customer_deposits"]
    return found


def applications(account: Account) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = account.sim.books()["deposit_applications"]
    return found


def left(account: Account) -> Decimal:
    invoice = account.sim.ledger.find("invoice", account.invoice)
    assert invoice is not None
    return account.sim.ledger.open_amount(invoice)


async def test_a_capture_is_a_deposit_on_the_sales_order_and_pays_the_invoice() -> None:
    account = await Account().open()
    outcome = (await account.do(deposit(account))).outcome
    [one] = deposits(account)
    assert outcome == Done({"customerDeposit": one["id"]})
    assert (one["external_id"], one["account"], one["amount"]) == ("shop-1-DEP-31", "121", "35.70")
    assert (one["open"], left(account)) == ("35.70", Decimal("35.70"))
    done = (await account.do(application(account, ref=one["id"]))).outcome
    [applied] = applications(account)
    assert done == Done({"depositApplication": applied["id"]}, {"applied": "35.70"})
    assert applied["external_id"] == f"shop-1-DA-31-{account.invoice}"
    assert (deposits(account)[0]["open"], left(account)) == ("0.00", 0)


async def test_lost_answers_are_found_and_nothing_is_made_again() -> None:
    account = await Account().open()
    for payload in (deposit(account), application(account)):
        account.lose = 1
        with pytest.raises(AnswerLost):
            await account.do(payload)
        assert isinstance((await account.do(payload, tries=1)).outcome, Done)
        assert isinstance((await account.do(payload)).outcome, Done)  # our external id is taken, or nothing is open
    assert (len(deposits(account)), len(applications(account)), left(account)) == (1, 1, 0)


async def test_money_that_is_there_as_a_deposit_is_not_posted_as_a_payment_too_nor_the_reverse() -> None:
    """A database that lost time has forgotten as what a capture was posted."""
    account = await Account().open()
    await account.do(deposit(account))
    await account.do(paid(account, payment_id="32", amount="1.00"))
    for again, kind in ((paid(account), "customerDeposit"), (deposit(account, payment_id="32"), "customerPayment")):
        outcome = (await account.do(again, tries=1)).outcome
        assert isinstance(outcome, Conflict)
        assert (outcome.code, list(outcome.refs)) == ("posted_otherwise", [kind])
    assert (len(deposits(account)), len(account.sim.books()["customer_payments"])) == (1, 1)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "INSUFFICIENT_PERMISSION"),
        (400, "FEATURE_DISABLED"),
        (400, "FEATURE_UNAVAILABLE"),
        (404, "INVALID_RCRD_TYPE"),
    ],
)
async def test_an_account_without_deposits_has_no_say_in_payments(status: int, code: str) -> None:
    """Where the role may not see them, or the feature is off, there is none of ours either."""
    account = Withheld("customerDeposit", status, code)
    await account.open()
    assert isinstance((await account.do(paid(account), tries=1)).outcome, Done)
    assert len(account.sim.books()["customer_payments"]) == 1


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "USER_ERROR", Rejected),
        (400, "SOMETHING_NEW", Rejected),
        (403, "SOMETHING_NEW", Misconfigured),
        (400, "INVALID_LOGIN", Misconfigured),
    ],
)
async def test_a_look_that_is_refused_for_another_reason_posts_nothing(
    status: int, code: str, expected: type[Any]
) -> None:
    """It says nothing of what is there: a person sees to it, and the money is not posted a second time."""
    account = Withheld("customerDeposit", status, code)
    await account.open()
    await account.do(deposit(account))
    assert isinstance((await account.do(paid(account), tries=1)).outcome, expected)
    assert (len(deposits(account)), account.sim.books()["customer_payments"]) == (1, [])
    account = Withheld("customerPayment", status, code)
    await account.open()
    await account.do(paid(account))
    assert isinstance((await account.do(deposit(account), tries=1)).outcome, expected)
    assert (deposits(account), len(account.sim.books()["customer_payments"])) == ([], 1)


async def test_what_netsuite_applies_by_itself_is_not_applied_again() -> None:
    account = await Account().open()
    account.sim.applies_deposits = True
    body = {"entity": {"id": "9001"}, "currency": {"id": "4"}, "item": {"items": [
        {"item": {"id": "1001"}, "quantity": 2, "price": {"id": "-1"}, "rate": Decimal("5.00")}]}}  # fmt: skip
    made = await account.ask("POST", "/services/rest/record/v1/salesOrder", body)
    account.ordered = made.headers["location"].rsplit("/", 1)[-1]
    await account.do(deposit(account, amount=Decimal("10.00")))
    order = account.sim.ledger.find("salesOrder", account.ordered)
    assert order is not None
    fulfil(account.sim.ledger, order, {"shipStatus": {"id": "C"}}, NOW)
    invoice = account.sim._billed(bill(account.sim.ledger, order, {}, NOW))
    account.invoice = invoice.id
    assert (left(account), len(applications(account))) == (0, 1)
    outcome = (await account.do(application(account, "10.00"))).outcome
    assert outcome == Done(facts={"applied": "by NetSuite itself"}, repeated=True)
    assert len(applications(account)) == 1


async def test_a_deposit_is_applied_to_its_own_order_alone() -> None:
    account = await Account().open()
    body = {"entity": {"id": "9001"}, "currency": {"id": "4"}, "item": {"items": [
        {"item": {"id": "1001"}, "quantity": 2, "price": {"id": "-1"}, "rate": Decimal("5.00")}]}}  # fmt: skip
    made = await account.ask("POST", "/services/rest/record/v1/salesOrder", body)
    other = made.headers["location"].rsplit("/", 1)[-1]
    await account.do(deposit(account, erp_ref=other))
    outcome = (await account.do(application(account))).outcome
    assert isinstance(outcome, Rejected)
    assert (outcome.code, applications(account)) == ("user_error", [])


async def test_a_deposit_goes_back_in_parts_and_never_beyond_what_is_left() -> None:
    account = await Account().open()
    await account.do(deposit(account, amount=Decimal("20.00")))
    await account.do(deposit(account, payment_id="32", amount=Decimal("15.70")))
    assert isinstance((await account.do(drawn(account, ("31", "20.00"), ("32", "5.00")))).outcome, Done)
    assert isinstance((await account.do(drawn(account, ("32", "10.00"), nth=2))).outcome, Done)
    assert [one["open"] for one in deposits(account)] == ["0.00", "0.70"]
    refused = (await account.do(drawn(account, ("32", "0.71"), nth=3))).outcome
    assert isinstance(refused, Rejected)
    made = account.sim.books()["customer_refunds"]
    assert [one["external_id"] for one in made] == ["shop-1-RD-77", "shop-1-RD-77-2"]


async def test_a_lost_repayment_is_found_and_not_made_again() -> None:
    account = await Account().open()
    await account.do(deposit(account))
    account.lose = 1
    with pytest.raises(AnswerLost):
        await account.do(drawn(account, ("31", "5.00")))
    assert isinstance((await account.do(drawn(account, ("31", "5.00")), tries=1)).outcome, Done)
    assert [one["open"] for one in deposits(account)] == ["30.70"]


async def test_what_others_deposited_is_paid_back_by_hand() -> None:
    account = await Account().open()
    outcome = (await account.do(account.pay("5.00", None))).outcome
    assert isinstance(outcome, Rejected)
    assert outcome.code == "deposit_by_hand"


async def test_a_gift_card_needs_an_account_of_its_own() -> None:
    account = await Account().open()
    outcome = (await account.do(deposit(account, gateway="gift_card", gift_card=True))).outcome
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.field) == ("setting_missing", "payment_accounts.gift_card")


async def test_a_deposit_that_is_not_there_and_an_invoice_that_is_gone_are_told() -> None:
    account = await Account().open()
    unknown = (await account.do(application(account))).outcome
    assert isinstance(unknown, Rejected)
    assert unknown.code == "deposit_unknown"
    gone = (await account.do(application(account, invoice="1"))).outcome
    assert isinstance(gone, Rejected)
    assert gone.code == "invoice_gone"
