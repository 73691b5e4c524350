"""Credit memos and customer refunds: the account's rules, and the connector's documents under them."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from random import Random
from typing import Any

import msgspec
import pytest

from crossdock.connectors.netsuite import CONNECTOR
from crossdock.connectors.netsuite.crediting import render_credit, render_payment
from crossdock.domain.commands import CreditLine, CreditRefund, Payload, PayRefund
from crossdock.domain.events import CreditSeen
from crossdock.domain.outcome import Conflict, Done, Rejected
from crossdock.kit.http import AnswerLost, Line, Response
from crossdock.kit.manifest import Call, Result, Untranslatable
from crossdock.kit.tokens import InProcessTokens
from crossdock.simulators.base import Request, Surroundings
from crossdock.simulators.netsuite import NetSuiteAccount, make_credentials
from crossdock.simulators.netsuite.returns import authorise
from crossdock.simulators.netsuite.transforms import bill, fulfil

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)
KEYS = make_credentials(NOW)
BASE = "http://erp.test"
_encode = msgspec.json.Encoder(decimal_format="number").encode
THING = CreditLine("item", "Product 1", Decimal(2), Decimal("10.00"), Decimal("1.90"), "1", "SKU-0001", True, "VAT")
KEPT = msgspec.structs.replace(THING, restock=False)
SHIPPING = CreditLine("shipping", "Shipping", Decimal(1), Decimal("4.12"), Decimal("0.78"))
GOODWILL = CreditLine("adjustment", "damaged", Decimal(1), Decimal("3.00"), Decimal(0))
FEE = CreditLine("adjustment", "restocking", Decimal(1), Decimal("-1.00"), Decimal(0))


async def _no_sleep(seconds: float) -> None:
    raise AssertionError("nothing is waited for")


class Account:
    """An account with a billed sales order of 30.00 and 5.70 tax, and a connector in front of it."""

    def __init__(self, **settings: Any) -> None:
        around = Surroundings(lambda: NOW, _no_sleep, Random(1), lambda _: None)
        self.sim = NetSuiteAccount("erp", around, **KEYS.account_settings())
        self.settings = {**KEYS.connection_settings(BASE), **settings}
        self.tokens, self.ids = InProcessTokens(lambda: 0.0), count()
        self.lose = 0  # the answers of so many next writes
        self.ordered = self.invoice = ""

    async def open(self) -> "Account":
        body = {
            "entity": {"id": "9001"},
            "currency": {"id": "4"},
            "taxDetailsOverride": True,
            "item": {
                "items": [
                    {
                        "item": {"id": "1001"},
                        "quantity": 6,
                        "price": {"id": "-1"},
                        "rate": Decimal("5.00"),
                        "taxDetailsReference": "L1",
                    }
                ]
            },
            "taxDetails": {
                "items": [{"taxDetailsReference": "L1", "taxCode": {"id": "301"}, "taxAmount": Decimal("5.70")}]
            },
        }
        made = await self.ask("POST", "/services/rest/record/v1/salesOrder", body)
        self.ordered = made.headers["location"].rsplit("/", 1)[-1]
        order = self.sim.ledger.find("salesOrder", self.ordered)
        assert order is not None
        fulfil(self.sim.ledger, order, {"shipStatus": {"id": "C"}}, NOW)
        self.invoice = bill(self.sim.ledger, order, {}, NOW).id
        return self

    async def ask(self, method: str, path: str, body: Any) -> Response:
        token = await self.client.line.tokens.get("erp", self.client._sign_in)
        headers = {"authorization": f"Bearer {token}"}
        return await self.request(method, BASE + path, headers=headers, body=_encode(body))

    @property
    def client(self) -> Any:
        secrets = KEYS.connection_secrets()
        line = Line("erp", self.settings, secrets, self, self.tokens, lambda: NOW, lambda: str(next(self.ids)))
        return CONNECTOR.open(line)

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"", timeout_s: float = 30.0
    ) -> Response:
        path, _, query = url[len(BASE) :].partition("?")
        asked = dict(part.split("=", 1) for part in query.split("&") if part)
        lower = {name.lower(): value for name, value in headers.items()}
        reply = await self.sim.handle(Request(method, path, asked, lower, body))
        if self.lose and method == "POST" and "/record/" in path:
            self.lose -= 1
            raise AnswerLost("reset by peer")
        return Response(reply.status, {k.lower(): v for k, v in reply.headers.items()}, reply.body)

    async def do(self, payload: Payload, tries: int = 0) -> Result:
        return await CONNECTOR.operations[payload.purpose].send(self.client, payload, Call("key", tries))

    def refund(self, *lines: CreditLine, **more: Any) -> CreditRefund:
        fields: dict[str, Any] = {
            "order_key": "shop-1",
            "erp_ref": self.ordered,
            "refund_id": "77",
            "refunded_at": NOW,
            "currency": "EUR",
            "customer_ref": "9001",
            "lines": lines,
            "item_refs": {"SKU-0001": "1001"},
            "apply_to": (self.invoice,),
        }
        return CreditRefund(**{**fields, **more})

    def pay(self, amount: str, credit_ref: str | None) -> PayRefund:
        return PayRefund("shop-1", self.ordered, "77", NOW, "EUR", "9001", Decimal(amount), credit_ref)

    @property
    def credits(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.sim.books()["credit_memos"]
        return found


@pytest.mark.parametrize("mode", ["details", "line", "item"])
@pytest.mark.parametrize(
    ("lines", "items"),
    [
        ((THING,), ["1001"]),
        ((KEPT,), ["2010"]),
        ((SHIPPING,), ["2001"]),
        ((GOODWILL,), ["2010"]),
        ((THING, SHIPPING, FEE), ["1001", "2001", "2010"]),
    ],
)
async def test_a_credit_memo_comes_to_the_refund(lines: Any, items: list[str], mode: str) -> None:
    account = await Account(tax_mode=mode).open()
    refund = account.refund(*lines)
    done = (await account.do(refund)).outcome
    [made] = account.credits
    assert done == Done({"creditMemo": made["id"]}, {"total": str(refund.total)})
    assert (made["external_id"], Decimal(made["total"])) == ("shop-1-CM-77", refund.total)
    own_line_of_tax = ["2007"] * (mode == "item" and any(line.tax for line in lines))
    assert [line["item"] for line in made["lines"]] == items + own_line_of_tax
    tax = sum(line.tax for line in lines)
    assert Decimal(made["tax"]) == (0 if mode == "item" else tax)
    assert made["applied"] == {account.invoice: made["total"]}


async def test_it_is_set_off_against_what_is_open_and_no_more() -> None:
    account = await Account().open()
    first = account.refund(msgspec.structs.replace(THING, net=Decimal("30.00"), quantity=Decimal(6)))
    await account.do(first)
    await account.do(account.refund(THING, refund_id="78"))
    applied = [one["applied"] for one in account.credits]
    assert applied == [{account.invoice: "31.90"}, {account.invoice: "3.80"}]
    assert account.credits[1]["open"] == "8.10"


async def test_a_lost_answer_is_found_and_not_made_again() -> None:
    account = await Account().open()
    account.lose = 1
    with pytest.raises(AnswerLost):
        await account.do(account.refund(THING))
    again = (await account.do(account.refund(THING), tries=1)).outcome
    assert isinstance(again, Done)
    assert again.repeated
    blind = (await account.do(account.refund(THING))).outcome  # without looking first: the external id is taken
    assert isinstance(blind, Done)
    assert len(account.credits) == 1


async def test_a_credit_memo_that_somebody_changed_is_a_conflict() -> None:
    account = await Account().open()
    await account.do(account.refund(THING))
    again = (await account.do(account.refund(GOODWILL), tries=1)).outcome
    assert isinstance(again, Conflict)
    assert again.code == "credit_differs"


@pytest.mark.parametrize(("first", "then"), [(True, False), (False, True)])
async def test_one_that_puts_other_goods_back_is_a_conflict(first: bool, then: bool) -> None:
    """The same money; what goes into stock was decided otherwise before the database lost time."""
    account = await Account().open()
    await account.do(account.refund(msgspec.structs.replace(THING, restock=first)))
    again = (await account.do(account.refund(msgspec.structs.replace(THING, restock=then)), tries=1)).outcome
    assert isinstance(again, Conflict)
    assert again.facts["differences"] == {"1001": {"wanted": "2" if then else "0", "netsuite": "2" if first else "0"}}
    assert len(account.credits) == 1


async def test_without_the_items_setting_nothing_is_sent() -> None:
    account = await Account(refund_item=None).open()
    outcome = (await account.do(account.refund(GOODWILL))).outcome
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.field, account.credits) == ("setting_missing", "refund_item", [])


async def test_a_credit_is_paid_out_once() -> None:
    account = await Account().open()
    made = (await account.do(account.refund(THING, apply_to=()))).outcome
    assert isinstance(made, Done)
    account.lose = 1
    with pytest.raises(AnswerLost):
        await account.do(account.pay("11.90", made.refs["creditMemo"]))
    assert isinstance((await account.do(account.pay("11.90", ""), tries=1)).outcome, Done)
    [paid] = account.sim.books()["customer_refunds"]
    assert paid["paid"] == {made.refs["creditMemo"]: "11.90"}
    assert account.credits[0]["open"] == "0.00"


async def test_a_credit_named_by_nobody_is_found_by_its_refund() -> None:
    account = await Account().open()
    nothing = (await account.do(account.pay("11.90", ""))).outcome
    assert isinstance(nothing, Rejected)
    assert nothing.code == "credit_memo_unknown"
    await account.do(account.refund(THING, apply_to=()))
    assert isinstance((await account.do(account.pay("11.90", ""))).outcome, Done)


async def test_more_than_the_credit_is_refused_and_a_deposit_is_a_persons() -> None:
    account = await Account().open()
    made = (await account.do(account.refund(THING, apply_to=()))).outcome
    assert isinstance(made, Done)
    too_much = (await account.do(account.pay("12.00", made.refs["creditMemo"]))).outcome
    assert isinstance(too_much, Rejected)
    deposit = (await account.do(account.pay("5.00", None))).outcome
    assert isinstance(deposit, Rejected)
    assert deposit.code == "deposit_by_hand"
    assert account.sim.books()["customer_refunds"] == []


async def test_the_account_makes_a_second_one_of_a_repeat_without_an_external_id() -> None:
    account = await Account().open()
    body = {
        "entity": {"id": "9001"},
        "currency": {"id": "4"},
        "item": {"items": [{"item": {"id": "2010"}, "quantity": 1, "price": {"id": "-1"}, "rate": 5}]},
    }
    for _ in range(2):
        assert (await account.ask("POST", "/services/rest/record/v1/creditMemo", body)).status == 204
    assert len(account.credits) == 2
    named = {**body, "externalId": "x"}
    assert (await account.ask("POST", "/services/rest/record/v1/creditMemo", named)).status == 204
    assert (await account.ask("POST", "/services/rest/record/v1/creditMemo", named)).status == 400
    over = {**body, "apply": {"items": [{"doc": {"id": account.invoice}, "apply": True, "amount": 99}]}}
    assert (await account.ask("POST", "/services/rest/record/v1/creditMemo", over)).status == 400
    assert len(account.credits) == 3


async def test_a_credit_and_its_payment_are_dated_on_the_posting_day_where_one_is_given() -> None:
    account = await Account().open()
    credit = account.refund(GOODWILL, posted_on=date(2026, 12, 1), apply_to=())
    result = await account.do(credit)
    assert isinstance(result.outcome, Done)
    payment = msgspec.structs.replace(
        account.pay("3.00", result.outcome.refs["creditMemo"]), posted_on=date(2026, 12, 1)
    )
    own = msgspec.structs.replace(payment, posted_on=None)
    assert (render_payment(payment, "1", account.settings)["tranDate"]) == "2026-12-01"
    assert (render_payment(own, "1", account.settings)["tranDate"]) == "2026-11-26"
    assert render_credit(credit, {}, account.settings)["tranDate"] == "2026-12-01"
    assert isinstance((await account.do(payment)).outcome, Done)


async def test_the_poll_tells_ours_and_other_peoples_apart() -> None:
    account = await Account().open()
    account.sim.ledger.find("salesOrder", account.ordered).external_id = "shop-1001"  # type: ignore[union-attr]
    payload = CreditRefund("shop-1001", account.ordered, "77", NOW, "EUR", "9001", (GOODWILL,), {}, (account.invoice,))
    made = await CONNECTOR.operations["refund.credit"].send(account.client, payload, Call("key"))
    assert isinstance(made.outcome, Done), made.outcome
    account.sim.act("credit", {"invoice": account.invoice, "amount": "2.50"})
    page = await CONNECTOR.polls["credits"].run(account.client, None, {})
    assert [one.stream_key for one in page.found] == ["shop-1001", "shop-1001"]
    events = [CONNECTOR.translate("erp", one.topic, one.body)[0] for one in page.found]
    told = {(event.credit.made_for, event.credit.total) for event in events if isinstance(event, CreditSeen)}
    assert told == {("77", Decimal("3.00")), (None, Decimal("2.50"))}


@pytest.mark.parametrize("returned_from", ["nothing", "the order", "the invoice"])
@pytest.mark.parametrize("own_invoice", [True, False], ids=["an invoice of ours", "people's invoice"])
async def test_a_credit_of_other_people_leads_to_the_sales_order_by_all_ways(
    returned_from: str, own_invoice: bool
) -> None:
    account = await Account(order_prefixes=["shop"]).open()
    order, invoice = (account.sim.ledger.documents[ref] for ref in (account.ordered, account.invoice))
    order.external_id, invoice.external_id = "shop-1001", "shop-1001-INV-9" if own_invoice else None
    args = {"invoice": account.invoice, "amount": "2.50", "returned": returned_from == "the invoice"}
    made = account.sim.ledger.documents[account.sim.act("credit", args)["id"]]
    if returned_from == "the order":
        made.created_from = authorise(account.sim.ledger, order, {}, NOW).id
    page = await CONNECTOR.polls["credits"].run(account.client, None, {})
    assert [(one.stream_key, one.delivery_id) for one in page.found] == [("shop-1001", f"credit:{made.id}")]


async def test_a_credit_that_leads_to_no_sales_order_is_none_of_ours() -> None:
    account = await Account(order_prefixes=["shop"]).open()
    account.sim.ledger.documents[account.invoice].external_id = "shop-1001-INV-9"
    account.sim.ledger.documents[account.ordered].external_id = None
    account.sim.act("credit", {"invoice": account.invoice, "amount": "2.50", "returned": True})
    assert (await CONNECTOR.polls["credits"].run(account.client, None, {})).found == ()


@pytest.mark.parametrize("body", [b"", b"{}", b"[", b'{"id":"1","number":"1","total":"NaN","currency":"USD"}'])
def test_a_polled_credit_memo_that_cannot_be_read_says_so(body: bytes) -> None:
    with pytest.raises(Untranslatable):
        CONNECTOR.translate("erp", "credit_memo", body)


async def test_tax_that_the_channel_pays_is_a_line_and_no_tax() -> None:
    account = await Account(channel_tax_item="2009").open()
    line = msgspec.structs.replace(THING, channel_tax=True)
    payload = CreditRefund("shop-1", account.ordered, "9", NOW, "EUR", "9001", (line,), {}, (account.invoice,))
    made = await CONNECTOR.operations["refund.credit"].send(account.client, payload, Call("key"))
    assert isinstance(made.outcome, Done), made.outcome
    (memo,) = account.sim.books()["credit_memos"]
    assert (memo["total"], memo["tax"]) == ("11.90", "0")
