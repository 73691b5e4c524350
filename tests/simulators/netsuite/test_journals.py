"""Settlements as journal entries: the account's rules, and the connector's document under them, once to the cent."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from tests.simulators.netsuite.door import Setup, fresh_credentials

from crossdock.connectors.netsuite import CONNECTOR
from crossdock.connectors.netsuite.answers import Stopped
from crossdock.domain.commands import PostSettlement, SettlementRow
from crossdock.domain.outcome import Done, Rejected
from crossdock.kit.http import AnswerLost
from crossdock.kit.manifest import Call, Result

KEYS = fresh_credentials()
OPERATION = CONNECTOR.operations["settlement.post"]


def command(deposit: str = "95.50", rows: dict[str, str] | None = None, **more: Any) -> PostSettlement:
    rows = {"clearing": "100.00", "fees": "-4.50"} if rows is None else rows
    fields = {"settlement_key": "shop1-77", "source": "shop1", "settlement_id": "77", "currency": "EUR", **more}
    fields.setdefault("posted_on", date(2026, 11, 30))
    return PostSettlement(
        deposit=Decimal(deposit),
        rows=tuple(SettlementRow(posting, Decimal(amount), 1) for posting, amount in rows.items()),
        **fields,
    )


async def send(setup: Setup, payload: PostSettlement, tries: int = 0) -> Result:
    return await OPERATION.send(CONNECTOR.open(setup.line()), payload, Call("key", tries))


def entries(setup: Setup) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = setup.account.books()["journal_entries"]
    return found


async def test_the_bank_is_debited_and_every_posting_stands_on_its_own_account() -> None:
    setup = Setup(KEYS)
    result = await send(setup, command())
    [made] = entries(setup)
    assert result.outcome == Done(refs={"journalEntry": made["id"]})
    assert (made["external_id"], made["date"], made["currency"]) == ("shop1-SETTLEMENT-77", "2026-11-30", "EUR")
    assert [(row["account"], row["debit"], row["credit"]) for row in made["lines"]] == [
        ("201", "95.50", "0"),
        ("121", "0", "100.00"),
        ("612", "4.50", "0"),
    ]


@pytest.mark.parametrize(
    ("deposit", "rows"),
    [("0", {"clearing": "5.00", "fees": "-5.00"}), ("-12.00", {"adjustments": "-12.00"})],
    ids=["nothing paid out", "money taken back"],
)
async def test_what_no_bank_deposit_could_carry_is_entered_too(deposit: str, rows: dict[str, str]) -> None:
    setup = Setup(KEYS)
    await send(setup, command(deposit, rows))
    [made] = entries(setup)
    sums = [sum((Decimal(row[side]) for row in made["lines"]), Decimal(0)) for side in ("debit", "credit")]
    assert sums[0] == sums[1] > 0
    bank = [Decimal(row["debit"]) - Decimal(row["credit"]) for row in made["lines"] if row["account"] == "201"]
    assert sum(bank, Decimal(0)) == Decimal(deposit)


async def test_a_repeat_after_a_lost_answer_finds_the_entry_and_makes_no_second() -> None:
    setup = Setup(KEYS)
    setup.door.lose = "POST"
    with pytest.raises(AnswerLost):
        await send(setup, command())
    result = await send(setup, command(), 1)
    [made] = entries(setup)
    assert result.outcome == Done(refs={"journalEntry": made["id"]}, repeated=True)
    assert OPERATION.look_up is not None
    found = await OPERATION.look_up(CONNECTOR.open(setup.line()), command(), Call("key", 1))
    assert found is not None
    assert found.outcome == result.outcome


async def test_a_repeat_that_does_not_look_first_is_absorbed_by_the_external_id() -> None:
    setup = Setup(KEYS)
    for _ in range(3):
        result = await send(setup, command())
    [made] = entries(setup)
    assert result.outcome == Done(refs={"journalEntry": made["id"]}, repeated=True)


async def test_two_settlements_and_two_channels_have_entries_of_their_own() -> None:
    setup = Setup(KEYS)
    for source, id_ in (("shop1", "77"), ("shop1", "78"), ("shop2", "77")):
        await send(setup, command(source=source, settlement_id=id_))
    assert len({made["external_id"] for made in entries(setup)}) == 3


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"settlement_accounts": {"clearing": "121"}}, "settlement_accounts.fees"),
        ({"deposit_accounts": {"another": "201"}}, "deposit_accounts.shop1"),
        ({"currencies": {"USD": "1"}}, "currencies"),
    ],
)
async def test_an_account_that_no_setting_names_is_a_refusal_and_nothing_is_sent(
    change: dict[str, Any], field: str
) -> None:
    setup = Setup(KEYS, change)
    result = await send(setup, command())
    assert isinstance(result.outcome, Rejected)
    assert (result.outcome.code, result.outcome.field) == ("setting_missing", field)
    assert setup.door.sent == []


async def test_a_channels_own_account_goes_before_the_common_one() -> None:
    setup = Setup(KEYS, {"settlement_accounts": {"clearing": "121", "fees": "612", "shop1.fees": "613"}})
    await send(setup, command())
    assert [row["account"] for row in entries(setup)[0]["lines"]] == ["201", "121", "613"]


async def test_rows_that_are_not_the_deposit_are_never_sent() -> None:
    setup = Setup(KEYS)
    result = await send(setup, command("95.51"))
    assert isinstance(result.outcome, Rejected)
    assert result.outcome.code == "totals_differ"
    assert setup.door.sent == []


async def test_what_the_account_refuses_is_a_refusal() -> None:
    setup = Setup(KEYS)
    setup.account.journals.closed_through = date(2026, 11, 30)
    result = await send(setup, command())
    assert isinstance(result.outcome, Rejected)
    assert "closed accounting period" in result.outcome.detail
    assert entries(setup) == []
    assert isinstance((await send(setup, command(posted_on=date(2026, 12, 1)))).outcome, Done)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"line": {"items": [{"account": {"id": "201"}, "debit": 1}]}},
        {"line": {"items": [{"account": {"id": "201"}, "debit": 1}, {"account": {"id": "121"}, "credit": 2}]}},
        {"line": {"items": [{"account": {"id": "201"}, "debit": 1}, {"account": {"id": "1"}, "credit": 1}]}},
        {"line": {"items": [{"account": {"id": "201"}, "debit": -1}, {"account": {"id": "121"}, "credit": -1}]}},
        {"line": {"items": [{"account": {"id": "201"}, "debit": 1, "credit": 1}, {"account": {"id": "121"}}]}},
    ],
)
async def test_the_account_takes_no_entry_that_breaks_its_rules(body: dict[str, Any]) -> None:
    setup = Setup(KEYS)
    with pytest.raises(Stopped, match="Rejected"):
        await CONNECTOR.open(setup.line()).create("journalEntry", body)
    assert entries(setup) == []
