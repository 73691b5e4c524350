"""Settlements and repayments through a general journal: one document each, to the cent, whatever is lost on the way."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.simulators.businesscentral.door import Setup
from tests.simulators.businesscentral.steps import AGAIN, FIRST, again, send

from crossdock.connectors.businesscentral import CONNECTOR
from crossdock.connectors.businesscentral.tests.orders import PLACED
from crossdock.domain.commands import PayRefund, PostSettlement, SettlementRow
from crossdock.domain.outcome import Conflict, Done, OutcomeUnknown, Rejected
from crossdock.kit.http import AnswerLost
from crossdock.simulators.base import Reply, Request
from crossdock.simulators.businesscentral.answers import Refusal

ROWS = (SettlementRow("clearing", Decimal("26.00"), 2), SettlementRow("fees", Decimal("-1.05"), 3))
SETTLED = PostSettlement("shop1-77", "shop1", "77", "USD", date(2026, 11, 20), Decimal("24.95"), ROWS)
REPAID = PayRefund("shop1-1", "4711", "900", PLACED, "USD", "C00001", Decimal("10.50"), "4714")
COMMANDS = {command.purpose: command for command in (SETTLED, REPAID)}


def entries(setup: Setup) -> dict[str, Decimal]:
    """Account -> sum of the general ledger entries."""
    sums: dict[str, Decimal] = {}
    for one in setup.books()["ledger_entries"]:
        sums[one["account"]] = sums.get(one["account"], Decimal(0)) + Decimal(one["amount"])
    return sums


async def test_a_settlement_is_one_document_on_its_day() -> None:
    setup = Setup()
    outcome = (await send(setup, "settlement.post", SETTLED)).outcome
    assert isinstance(outcome, Done), outcome
    assert not outcome.repeated
    assert entries(setup) == {"1010": Decimal("24.95"), "1130": Decimal("-26.00"), "6710": Decimal("1.05")}
    found = setup.books()["ledger_entries"]
    assert {one["document"] for one in found} == {outcome.refs["documentNumber"]}
    assert {(one["day"], one["external"]) for one in found} == {("2026-11-20", "SHOP1-77")}
    assert [one["source"] for one in found] == ["Bank Account", "G/L Account", "G/L Account"]
    assert setup.books()["journal_lines"] == 0


async def test_a_settlement_that_pays_out_nothing_has_no_row_of_the_bank() -> None:
    setup = Setup()
    rows = (SettlementRow("clearing", Decimal("5.00"), 1), SettlementRow("reserve", Decimal("-5.00"), 1))
    payload = msgspec.structs.replace(SETTLED, deposit=Decimal(0), rows=rows)
    assert isinstance((await send(setup, "settlement.post", payload)).outcome, Done)
    assert entries(setup) == {"1130": Decimal("-5.00"), "1140": Decimal("5.00")}


async def test_money_paid_back_is_on_the_customers_account() -> None:
    setup = Setup()
    outcome = (await send(setup, "refund.pay", REPAID)).outcome
    assert isinstance(outcome, Done), outcome
    assert entries(setup) == {"1210": Decimal("10.50"), "1130": Decimal("-10.50")}
    (entry,) = setup.books()["customer_entries"]
    assert (entry["amount"], entry["applied"], entry["external"]) == ("10.50", {}, "SHOP1-1")


async def test_a_customer_known_by_id_is_asked_for_by_number() -> None:
    setup = Setup({"repayment_account": "1190"})
    ref = next(one.id for one in setup.company.customers.values() if one.number == "C00001")
    outcome = (await send(setup, "refund.pay", msgspec.structs.replace(REPAID, customer_ref=ref))).outcome
    assert isinstance(outcome, Done), outcome
    assert setup.books()["customer_entries"][0]["customer"] == ref
    assert entries(setup)["1190"] == Decimal("-10.50")


@pytest.mark.parametrize("purpose", COMMANDS)
async def test_a_repeat_finds_what_stands(purpose: str) -> None:
    setup = Setup()
    for number in range(3):
        outcome = (await send(setup, purpose, COMMANDS[purpose], AGAIN if number else FIRST)).outcome
        assert isinstance(outcome, Done)
        assert outcome.repeated is bool(number)
    assert len({one["document"] for one in setup.books()["ledger_entries"]}) == 1
    assert sum(entries(setup).values()) == 0
    assert len(setup.books()["ledger_entries"]) == (3 if purpose == "settlement.post" else 2)


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("purpose", COMMANDS)
async def test_an_answer_lost_at_any_request_leaves_one_document(purpose: str, nth: int) -> None:
    setup = Setup()
    setup.door.lose = nth
    outcome: Any = None
    try:
        outcome = (await send(setup, purpose, COMMANDS[purpose])).outcome
    except AnswerLost:
        assert nth == 2
    assert not isinstance(outcome, Done)
    outcome = (await again(setup, purpose, COMMANDS[purpose])).outcome
    assert isinstance(outcome, Done), outcome
    assert len(setup.books()["ledger_entries"]) == (3 if purpose == "settlement.post" else 2)


async def test_the_company_posts_a_second_one_of_the_same_number() -> None:
    """What the connector guards against: nothing there minds a document number that was posted before."""
    setup = Setup()
    await send(setup, "settlement.post", SETTLED)
    number = setup.books()["ledger_entries"][0]["document"]
    journal = next(iter(setup.company.journals.batches))
    for account, amount in (("1010", "24.95"), ("1130", "-26.00"), ("6710", "1.05")):
        kind = {"accountType": "Bank_x0020_Account"} if account == "1010" else {}
        body = {**kind, "accountNumber": "CHECKING" if kind else account, "documentNumber": number}
        setup.company.journals.new_line(journal, {**body, "amount": Decimal(amount)}, setup.clock())
    setup.company.journals.post(journal, setup.clock())
    assert len(setup.books()["ledger_entries"]) == 6
    outcome = (await send(setup, "settlement.post", SETTLED)).outcome
    assert isinstance(outcome, Conflict)
    assert outcome.code == "doubled"


async def test_a_document_that_stands_with_other_amounts_is_for_a_person() -> None:
    setup = Setup()
    await send(setup, "settlement.post", SETTLED)
    rows = (SettlementRow("clearing", Decimal("24.95"), 2),)
    outcome = (await send(setup, "settlement.post", msgspec.structs.replace(SETTLED, rows=rows))).outcome
    assert isinstance(outcome, Conflict)
    assert outcome.code == "document_differs"
    assert len(setup.books()["ledger_entries"]) == 3


async def test_lines_of_other_people_in_the_journal_are_never_posted() -> None:
    setup = Setup()
    setup.company.act("write_journal_line", {"accountNumber": "6710", "documentNumber": "MINE", "amount": 7})
    outcome = (await send(setup, "settlement.post", SETTLED)).outcome
    assert isinstance(outcome, Conflict)
    assert outcome.code == "journal_in_use"
    assert "MINE" in outcome.detail
    assert (setup.books()["ledger_entries"], setup.books()["journal_lines"]) == ([], 1)


async def test_a_closed_period_refuses_the_whole_and_leaves_nothing_behind() -> None:
    setup = Setup()
    setup.company.act("allow_posting", {"from": "2026-11-21", "to": "2026-12-31"})
    outcome = (await send(setup, "settlement.post", SETTLED)).outcome
    assert isinstance(outcome, Rejected)
    assert "allowed posting dates" in outcome.detail
    assert (setup.books()["ledger_entries"], setup.books()["journal_lines"]) == ([], 0)
    payload = msgspec.structs.replace(SETTLED, posted_on=date(2026, 11, 21))
    assert isinstance((await send(setup, "settlement.post", payload)).outcome, Done)


@pytest.mark.parametrize(
    ("extra", "code", "field"),
    [
        ({"general_journal": ""}, "setting_missing", "general_journal"),
        ({"general_journal": "OTHER"}, "journal_unknown", "general_journal"),
        ({"deposit_accounts": {"shop2": "GIRO"}}, "setting_missing", "deposit_accounts.shop1"),
        ({"settlement_accounts": {"clearing": "1130"}}, "setting_missing", "settlement_accounts.fees"),
        ({"local_currency": "EUR"}, "currency_by_hand", "currency"),
    ],
)
async def test_what_cannot_be_posted_is_refused_before_anything_is_written(
    extra: dict[str, Any], code: str, field: str
) -> None:
    setup = Setup(extra)
    outcome = (await send(setup, "settlement.post", SETTLED)).outcome
    assert isinstance(outcome, Rejected)
    assert outcome.code == code
    assert str(outcome.field).startswith(field)
    assert {one.method for one in setup.door.sent if not one.path.endswith("$batch")} <= {"GET"}
    assert setup.books()["ledger_entries"] == []


async def test_rows_that_are_not_the_deposit_are_refused() -> None:
    outcome = (await send(Setup(), "settlement.post", msgspec.structs.replace(SETTLED, deposit=Decimal(25)))).outcome
    assert isinstance(outcome, Rejected)
    assert outcome.code == "totals_differ"


async def test_a_channels_own_account_goes_before_the_one_for_all() -> None:
    accounts = {"clearing": "1130", "fees": "6710", "shop1.fees": "6720"}
    setup = Setup({"settlement_accounts": accounts})
    await send(setup, "settlement.post", SETTLED)
    assert entries(setup)["6720"] == Decimal("1.05")


async def test_money_paid_back_out_of_a_deposit_is_for_a_person() -> None:
    payload = msgspec.structs.replace(REPAID, credit_ref=None)
    outcome = (await send(Setup(), "refund.pay", payload)).outcome
    assert isinstance(outcome, Rejected)
    assert outcome.code == "deposit_by_hand"


async def test_a_journal_refuses_what_does_not_balance_or_may_not_be_posted() -> None:
    setup = Setup()
    desk, now = setup.company.journals, setup.clock()
    journal = next(iter(desk.batches))
    with pytest.raises(Refusal, match="nothing to post"):
        desk.post(journal, now)
    desk.new_line(journal, {"accountNumber": "6710", "documentNumber": "A", "amount": 5}, now)
    with pytest.raises(Refusal, match="out of balance"):
        desk.post(journal, now)
    desk.new_line(journal, {"accountNumber": "1210", "documentNumber": "A", "amount": -5}, now)
    with pytest.raises(Refusal, match="Direct Posting"):
        desk.post(journal, now)
    with pytest.raises(Refusal, match="does not match"):
        desk.new_line(journal, {"accountNumber": "none"}, now)
    with pytest.raises(Refusal, match="exceeds 20"):
        desk.new_line(journal, {"documentNumber": "A" * 21}, now)
    assert desk.entries == []


async def test_an_answer_that_shows_no_entries_after_the_posting_is_not_believed() -> None:
    setup = Setup()
    real = setup.door.answer

    async def hidden(request: Request) -> Reply:
        reply = await real(request)
        told = json.loads(reply.body)
        for part in told.get("responses", []):
            if "value" in part.get("body", {}) and part["body"]["value"] and "entryNumber" in part["body"]["value"][0]:
                part["body"]["value"] = []
        return Reply(reply.status, json.dumps(told).encode(), reply.headers)

    setup.door.answer = hidden
    outcome = (await send(setup, "settlement.post", SETTLED)).outcome
    assert isinstance(outcome, OutcomeUnknown)
    setup.door.answer = real
    assert isinstance((await again(setup, "settlement.post", SETTLED)).outcome, Done)
    assert len(setup.books()["ledger_entries"]) == 3


def test_every_purpose_here_is_offered_and_searchable() -> None:
    for purpose in COMMANDS:
        operation = CONNECTOR.operations[purpose]
        assert operation.repeat == "searchable"
        assert operation.look_up is not None
