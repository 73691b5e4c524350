"""Return authorisations and item receipts: the account's rules, and the connector's documents under them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.simulators.netsuite.test_credits import Account

from crossdock.connectors.netsuite import CONNECTOR
from crossdock.connectors.netsuite.receiving import render_closed, render_receipt
from crossdock.connectors.netsuite.wire import Authorisation, OrderLines
from crossdock.domain.commands import PostReturn, ReturnedUnits
from crossdock.domain.outcome import Conflict, Done, OutcomeUnknown, Rejected
from crossdock.kit.http import AnswerLost, NotSent
from crossdock.kit.manifest import Call, Result
from crossdock.simulators.netsuite.account import DOCUMENTS
from crossdock.simulators.netsuite.search import TYPES

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)
CALL = Call("shop1-1001/erp/return.post/1")
ITEMS = {"SKU-0001": "1001"}


def units(quantity: str = "2", sku: str = "SKU-0001") -> tuple[ReturnedUnits, ...]:
    return (ReturnedUnits("1", Decimal(quantity), sku),)


async def opened() -> Account:
    return await Account().open()


def command(account: Account, *, restock: bool = True, id_: str = "1", lines: Any = None) -> PostReturn:
    return PostReturn("shop1-1001", account.ordered, id_, NOW, lines or units(), restock, ITEMS)


async def send(account: Account, payload: PostReturn, tries: int = 0) -> Result:
    operation = CONNECTOR.operations[payload.purpose]
    return await operation.send(account.client, payload, Call(CALL.key, tries))


async def look_up(account: Account, payload: PostReturn) -> Result | None:
    operation = CONNECTOR.operations[payload.purpose]
    assert operation.look_up is not None
    return await operation.look_up(account.client, payload, CALL)


def books(account: Account) -> Mapping[str, Any]:
    return account.sim.books()


@pytest.mark.parametrize("restock", [True, False])
async def test_goods_are_received_once_and_nothing_is_left_to_be_credited(restock: bool) -> None:
    account = await opened()
    outcome = (await send(account, command(account, restock=restock))).outcome
    assert isinstance(outcome, Done)
    [authorised], [receipt] = books(account)["return_authorisations"], books(account)["item_receipts"]
    assert outcome.refs == {"returnAuthorization": authorised["id"], "itemReceipt": receipt["id"]}
    assert (authorised["external_id"], authorised["status"]) == ("shop1-1001-RA-1", "H")
    assert (receipt["external_id"], receipt["from"]) == ("shop1-1001-IR-1", "shop1-1001-RA-1")
    assert receipt["lines"] == [{"item": "1001", "quantity": "2", "restock": restock}]
    assert books(account)["restocked"] == ({"1001": "2"} if restock else {})
    assert books(account)["credit_memos"] == []


async def test_lines_that_come_along_into_the_authorisation_are_not_received() -> None:
    """NetSuite takes what a transform does not name along whole, charges too."""
    account = await opened()
    order = account.sim.ledger.find("salesOrder", account.ordered)
    assert order is not None
    line = order.lines[0]
    order.lines += [
        msgspec.structs.replace(line, line=98, item="1002"),
        msgspec.structs.replace(line, line=99, item="2001", type="OthCharge", fulfilled=Decimal(0)),
    ]
    assert isinstance((await send(account, command(account))).outcome, Done)
    [authorised], [receipt] = books(account)["return_authorisations"], books(account)["item_receipts"]
    assert [one["item"] for one in authorised["lines"]] == ["1001", "1002", "2001"]
    assert [(one["item"], one["quantity"]) for one in receipt["lines"]] == [("1001", "2")]
    assert authorised["status"] == "H"


async def test_an_authorisation_may_be_made_from_an_invoice() -> None:
    account = await opened()
    path = f"/services/rest/record/v1/invoice/{account.invoice}/!transform/returnAuthorization"
    assert (await account.ask("POST", path, {"orderStatus": {"id": "B"}})).status == 204
    [authorised] = account.sim.ledger.of("returnAuthorization")
    assert (authorised.created_from, [line.quantity for line in authorised.lines]) == (account.invoice, [6])
    over = {"item": {"items": [{"orderLine": 1, "quantity": 7}]}}
    assert (await account.ask("POST", path, over)).status == 400


async def test_searches_show_returns_among_the_other_documents() -> None:
    account = await opened()
    await send(account, command(account))
    rows = (await account.client.query("SELECT i.type FROM transaction i ORDER BY i.id")).items
    assert {"SalesOrd", "ItemShip", "RtnAuth", "ItemRcpt"} <= {row["type"] for row in rows}
    assert set(TYPES) >= DOCUMENTS, "a kind of document that searches would fall over"


async def test_a_repeat_finds_what_is_there() -> None:
    account = await opened()
    payload = command(account)
    assert await look_up(account, payload) is None
    first = (await send(account, payload)).outcome
    for tries in (0, 1):
        again = (await send(account, payload, tries)).outcome
        assert isinstance(again, Done)
        assert isinstance(first, Done)
        assert (again.refs, again.repeated) == (first.refs, True)
    found = await look_up(account, payload)
    assert found is not None
    assert isinstance(found.outcome, Done)
    assert len(books(account)["item_receipts"]) == len(books(account)["return_authorisations"]) == 1


@pytest.mark.parametrize(
    ("other", "told"), [({"lines": units("1")}, {"1001": {"came": "1", "netsuite": "2"}}), ({"restock": False}, {})]
)
async def test_other_goods_under_the_number_are_a_conflict(other: dict[str, Any], told: dict[str, Any]) -> None:
    """A database that lost time numbers anew."""
    account = await opened()
    await send(account, command(account))
    payload = command(account, **other)
    for found in (await send(account, payload), await look_up(account, payload)):
        assert found is not None
        assert isinstance(found.outcome, Conflict)
        assert (found.outcome.code, found.outcome.facts["differences"]) == ("received_otherwise", told)
    assert [one["lines"][0]["quantity"] for one in books(account)["item_receipts"]] == ["2"]


@pytest.mark.parametrize("lost", [1, 2, 3])
async def test_an_answer_lost_at_any_write_leaves_one_receipt_and_a_closed_authorisation(lost: int) -> None:
    account = await opened()
    writes = 0
    whole = account.request

    async def request(method: str, url: str, **given: Any) -> Any:
        nonlocal writes
        answer = await whole(method, url, **given)
        if method != "GET" and "/record/" in url:
            writes += 1
            if writes == lost:
                raise AnswerLost("cut")
        return answer

    account.request = request  # type: ignore[method-assign]
    payload = command(account)
    try:
        outcome = (await send(account, payload)).outcome
        assert isinstance(outcome, OutcomeUnknown)
    except AnswerLost:
        pass
    assert (await look_up(account, payload) is None) is (lost < 3)
    outcome = (await send(account, payload, 1)).outcome
    assert isinstance(outcome, Done)
    assert [one["status"] for one in books(account)["return_authorisations"]] == ["H"]
    assert len(books(account)["item_receipts"]) == 1
    assert books(account)["restocked"] == {"1001": "2"}


async def test_other_goods_that_the_search_shows_late_are_a_conflict_too() -> None:
    """The receipt is not seen, the transform says that its number is taken."""
    account = await opened()
    await send(account, command(account))
    ask, unseen = account.request, ["itemReceipt"]

    async def request(method: str, url: str, **rest: Any) -> Any:
        if method == "GET" and unseen and f"/{unseen[0]}/" in url:
            unseen.pop()
            url = url.replace("IR-1", "IR-none")
        return await ask(method, url, **rest)

    account.request = request  # type: ignore[method-assign]
    outcome = (await send(account, command(account, lines=units("1")))).outcome
    assert isinstance(outcome, Conflict)
    assert unseen == []
    assert len(books(account)["item_receipts"]) == 1


async def test_more_than_left_and_items_that_are_not_on_the_order_are_refused_by_name() -> None:
    account = await opened()
    for lines, code in ((units("7"), "over_receipt"), (units("1", "OTHER"), "over_receipt")):
        outcome = (await send(account, command(account, lines=lines))).outcome
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.field) == (code, "lines[1]")
    assert books(account)["item_receipts"] == []
    gone = PostReturn("shop1-1001", "999999", "1", NOW, units(), True, ITEMS)
    outcome = (await send(account, gone)).outcome
    assert isinstance(outcome, Rejected)
    assert outcome.code == "sales_order_gone"


async def test_two_parts_of_a_return_are_two_receipts() -> None:
    account = await opened()
    await send(account, command(account))
    await send(account, command(account, id_="2", restock=False, lines=units("1")))
    assert [one["external_id"] for one in books(account)["item_receipts"]] == ["shop1-1001-IR-1", "shop1-1001-IR-2"]
    assert books(account)["restocked"] == {"1001": "2"}


def test_a_receipt_names_every_line_because_lines_not_named_are_received_whole() -> None:
    rows = (
        b'{"line":1,"item":{"id":"1001"},"quantity":2}',
        b'{"line":2,"item":{"id":"1002"},"quantity":5}',
        b'{"line":3,"item":{"id":"1003"},"quantity":1,"isClosed":true}',
    )
    known = Authorisation(id="77", item=OrderLines([msgspec.Raw(row) for row in rows]))
    payload = PostReturn("shop1-1001", "4711", "1", NOW, units(), False, ITEMS)
    document = render_receipt(payload, known, {"time_zone": "UTC"})
    assert document["item"]["items"] == [
        {"orderLine": 1, "itemReceive": True, "quantity": 2, "restock": False},
        {"orderLine": 2, "itemReceive": False},
        {"orderLine": 3, "itemReceive": False},
    ]
    assert [row["line"] for row in render_closed(known)["item"]["items"]] == [1, 2]


async def test_nothing_sent_is_told_apart() -> None:
    account = await opened()

    async def refuse(method: str, url: str, **given: Any) -> Any:
        raise NotSent("refused")

    account.request = refuse  # type: ignore[method-assign]
    with pytest.raises(NotSent):
        await send(account, command(account))
    assert books(account)["return_authorisations"] == []
