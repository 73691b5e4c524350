"""Settlement reports of the simulated seller's own books: found, fetched once, and read to the cent."""

import gzip
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import crossdock.connectors.amazon
from crossdock.connectors.amazon import CONNECTOR
from crossdock.connectors.amazon.answers import Failed
from crossdock.connectors.amazon.reports import ReportCursor, Waiting
from crossdock.connectors.amazon.settlement_file import LARGEST, instant
from crossdock.connectors.amazon.settlement_mapping import kind_of, to_settlement
from crossdock.domain.events import SettlementSeen
from crossdock.domain.settlement import Settlement, SettlementLineKind, imbalance
from crossdock.kit.manifest import Found, Untranslatable
from crossdock.simulators.amazon.settlements import TYPE

Kind = SettlementLineKind
SAMPLE = Path(crossdock.connectors.amazon.__file__).parent / "samples/settlement.flat_file_v2.tsv"


@pytest.fixture
def paid(make_seller: Any) -> Any:
    seller = make_seller(documents_url="http://amazon.test")
    seller.settings["settlements"] = True
    return seller


async def started(seller: Any) -> str:
    _, cursor = await seller.poll("settlements")
    seller.later(60)
    return str(cursor)


def read(found: Found) -> Settlement:
    (event,) = CONNECTOR.translate("amazon", found.topic, found.body)
    assert isinstance(event, SettlementSeen)
    return event.settlement


def shipped(seller: Any, **wish: Any) -> str:
    order_id = str(seller.place(**wish))
    seller.sim.act("ship_by_hand", {"id": order_id})
    return order_id


@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("packed", [False, True])
async def test_a_report_is_the_books_own_and_its_rows_are_the_deposit(paid: Any, decimal: str, packed: bool) -> None:
    cursor = await started(paid)
    ids = [shipped(paid, lines=2), shipped(paid, quantity=3)]
    paid.sim.act("refund", {"id": ids[0], "principal": 100})
    settlement = paid.sim.act("settle", {"decimal": decimal, "packed": packed})["id"]
    [found], _ = await paid.poll("settlements", cursor)
    told, [books] = read(found), paid.sim.books()["settlements"]
    assert (found.stream_kind, found.stream_key, told.id) == ("settlement", f"amazon-{settlement}", settlement)
    assert (told.deposit, told.currency, len(told.lines)) == (Decimal(books["total"]), "USD", books["rows"])
    assert imbalance(told) is None
    fees = sum(line.amount for line in told.lines if line.kind is Kind.FEE)
    assert fees == Decimal(books["fees"]) < 0
    assert {line.order_id for line in told.lines if line.kind is Kind.SALE} == set(ids)
    assert {line.kind for line in told.lines} == {Kind.SALE, Kind.REFUND, Kind.FEE, Kind.TAX, Kind.RESERVE}
    assert told.deposited_at == paid.at


async def test_a_reserve_is_given_free_by_the_next_settlement(paid: Any) -> None:
    cursor = await started(paid)
    shipped(paid, quantity=3)
    paid.sim.act("settle", {})
    [first], cursor = await paid.poll("settlements", cursor)
    paid.later(14 * 86_400)
    shipped(paid, quantity=3)
    paid.sim.act("settle", {"reserve": False})
    [second], _ = await paid.poll("settlements", cursor)
    kept = [line.amount for line in read(first).lines if line.kind is Kind.RESERVE]
    freed = [line.amount for line in read(second).lines if line.kind is Kind.RESERVE_RELEASE]
    assert kept == [-amount for amount in freed]
    assert kept[0] < 0


async def test_a_report_is_fetched_once(paid: Any) -> None:
    cursor = await started(paid)
    paid.sim.act("settle", {})
    found, cursor = await paid.poll("settlements", cursor)
    assert len(found) == 1
    for _ in range(3):
        paid.later(14_400)
        found, cursor = await paid.poll("settlements", cursor)
        assert found == []
    assert paid.sim.calls["getReportDocument"] == 1


async def test_more_reports_than_a_page_are_all_read(paid: Any) -> None:
    cursor = await started(paid)
    for _ in range(205):
        paid.sim.act("settle", {})
    found, _ = await paid_pages(paid, cursor)
    assert len({one.stream_key for one in found}) == len(found) == 205


async def paid_pages(seller: Any, cursor: str, limit: int = 500) -> tuple[list[Found], str]:
    found: list[Found] = []
    for _ in range(limit):
        page = await CONNECTOR.polls["settlements"].run(seller.client, cursor, {})
        found += page.found
        cursor = page.cursor
        if not page.more:
            return found, cursor
    raise AssertionError("the poll does not end")


async def test_a_next_token_that_comes_round_does_not_loop_and_no_report_is_lost(paid: Any) -> None:
    """The poll loop ends a run that comes to a place it had: here it comes to one within a few pages."""
    cursor = await started(paid)
    for _ in range(3):
        paid.sim.act("settle", {})
    paid.sim.settlements.tokens_come_round = True
    places, found = {cursor}, []
    for _ in range(60):
        page = await CONNECTOR.polls["settlements"].run(paid.client, cursor, {})
        found += page.found
        assert page.more
        if page.cursor in places:
            break
        places.add(page.cursor)
        cursor = page.cursor
    else:
        raise AssertionError("the poll goes round and round")
    assert len({one.stream_key for one in found}) == 3
    paid.sim.settlements.tokens_come_round = False
    paid.sim.act("settle", {})
    found, _ = await paid_pages(paid, cursor)
    assert len(found) == 1


async def test_orders_that_amazon_fulfils_are_nobodys_unless_they_are_booked(paid: Any) -> None:
    cursor = await started(paid)
    order_id = paid.place(afn=True)
    paid.sim.act("ship_from_amazon", {"id": order_id})
    paid.sim.act("settle", {})
    [found], _ = await paid.poll("settlements", cursor)
    assert found.topic == "settlement/merchant"
    assert {line.ours for line in read(found).lines if line.order_id} == {False}
    paid.settings["amazon_fulfilled"] = "book"
    [found], _ = await paid.poll("settlements", cursor)
    assert found.topic == "settlement"
    assert all(line.ours for line in read(found).lines)


async def test_a_total_that_is_off_is_kept_as_it_is(paid: Any) -> None:
    cursor = await started(paid)
    paid.sim.act("settle", {"off": 1, "unknown": 250})
    [found], _ = await paid.poll("settlements", cursor)
    told = read(found)
    assert "-0.01 USD is not explained" in str(imbalance(told))
    [line] = [line for line in told.lines if line.kind is Kind.UNKNOWN]
    assert line.told == "other-transaction / other-transaction / Lunar Rebate"


async def test_a_document_that_cannot_be_unpacked_is_an_exception_of_its_own_and_stops_no_other(paid: Any) -> None:
    cursor = await started(paid)
    paid.sim.act("settle", {"packed": True})
    paid.sim.act("settle", {})
    paid.sim.settlements.made[0].text = b"not gzip at all"
    found, _ = await paid.poll("settlements", cursor)
    by_key = {one.stream_key: one for one in found}
    assert len(by_key) == 2
    with pytest.raises(Untranslatable, match="no settlement report"):
        read(by_key["amazon-report-50001"])


async def test_a_document_cut_short_is_fetched_again(paid: Any) -> None:
    cursor = await started(paid)
    paid.sim.act("settle", {"packed": True})
    made = paid.sim.settlements.made[0]
    whole, made.text = made.text, made.text[:-20]
    with pytest.raises(Failed, match="ends before its end"):
        await paid.poll("settlements", cursor)
    made.text = whole
    [found], _ = await paid.poll("settlements", cursor)
    assert imbalance(read(found)) is None


async def test_a_report_that_amazon_keeps_no_more_is_an_exception_and_holds_up_no_other(paid: Any) -> None:
    """Listed, then the connection rested for weeks."""
    cursor = msgspec.json.decode(await started(paid), type=ReportCursor)
    paid.sim.act("settle", {})
    gone = msgspec.structs.replace(cursor, pending=(Waiting("49999", "amzn1.spdoc.gone", paid.at),))
    found, _ = await paid.poll("settlements", msgspec.json.encode(gone).decode())
    by_key = {one.stream_key: one for one in found}
    assert len(by_key) == 2
    with pytest.raises(Untranslatable, match="no settlement report"):
        read(by_key["amazon-report-49999"])


async def test_an_address_that_is_not_https_gets_no_visit(make_seller: Any) -> None:
    seller = make_seller(documents_url="http://169.254.169.254")
    seller.settings["settlements"] = True
    cursor = await started(seller)
    seller.sim.act("settle", {})
    with pytest.raises(Failed, match="not https"):
        await seller.poll("settlements", cursor)


async def test_the_document_is_fetched_without_the_token(paid: Any) -> None:
    cursor = await started(paid)
    paid.sim.act("settle", {})
    await paid.poll("settlements", cursor)
    [fetched] = [one for one in paid.seen if one.request.path.startswith("/report-documents/")]
    assert "x-amz-access-token" not in fetched.request.headers
    listed = next(one for one in paid.seen if one.request.path.endswith("/reports"))
    assert listed.request.query["reportTypes"] == TYPE


async def test_without_the_setting_nothing_is_asked(seller: Any) -> None:
    found, cursor = await seller.poll("settlements")
    assert (found, cursor) == ([], "off: settlements is not set")
    assert not seller.sim.calls


# -- the file itself -------------------------------------------------------------------------------------------


def test_the_sample_is_read_to_the_cent() -> None:
    told = to_settlement("amazon", SAMPLE.read_bytes(), books_amazons=False)
    assert imbalance(told) is None
    assert (told.id, told.deposit, told.currency) == ("11800000001", Decimal("33.46"), "USD")
    assert [line.kind.value for line in told.lines] == [
        "sale", "sale", "tax", "sale", "sale", "fee", "sale", "fee", "refund", "fee", "fee", "fee", "fee", "adjustment",
        "reserve_release", "reserve",
    ]  # fmt: skip
    assert {line.order_id for line in told.lines if not line.ours} == {"111-0002002-7654321"}


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (("Order", "ItemPrice", "ShippingTax"), Kind.SALE),
        (("Refund", "Promotion", "Principal"), Kind.REFUND),
        (("Refund", "ItemWithheldTax", "MarketplaceFacilitatorTax-Shipping"), Kind.TAX),
        (("Chargeback Refund", "ItemPrice", "Principal"), Kind.CHARGEBACK),
        (("A-to-z Guarantee Refund", "ItemPrice", "Principal"), Kind.CHARGEBACK),
        (("Chargeback Refund", "ItemFees", "Commission"), Kind.FEE),
        (("CouponRedemptionFee", "CouponRedemptionFee", "x"), Kind.FEE),
        (("other-transaction", "other-transaction", "StorageRenewalBilling"), Kind.FEE),
        (("other-transaction", "other-transaction", "Payable to Amazon"), Kind.TRANSFER),
        (("other-transaction", "FBA Inventory Reimbursement", "REVERSAL_REIMBURSEMENT"), Kind.ADJUSTMENT),
        (("Vine Enrollment Fee", "Vine Enrollment Fee", ""), Kind.FEE),
        (("Order", "SomethingNew", "Principal"), Kind.UNKNOWN),
        (("", "", ""), Kind.UNKNOWN),
    ],
)
def test_three_words_say_what_a_row_is(words: tuple[str, str, str], kind: SettlementLineKind) -> None:
    assert kind_of(*words) is kind


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2026-03-17T01:02:03-07:00", "2026-03-17T08:02:03+00:00"),
        ("2026-03-17 05:23:19 UTC", "2026-03-17T05:23:19+00:00"),
        ("17.03.2026 05:23:19 UTC", "2026-03-17T05:23:19+00:00"),
        ("2026-03-17", "2026-03-17T12:00:00+00:00"),
        ("03/17/2026", None),
        ("", None),
        ("31.02.2026 05:23:19 UTC", None),
    ],
)
def test_instants_are_read_in_every_way_that_amazon_writes_them(text: str, iso: str | None) -> None:
    found = instant(text)
    assert (found.isoformat() if found else None) == iso


@pytest.mark.parametrize("wrong", ["", "1.234,56", "1,234", "12.3.4", "1e5", "NaN", "--1", "1234567890123456"])
def test_an_amount_that_could_be_another_is_refused_with_its_row(wrong: str) -> None:
    lines = SAMPLE.read_text().split("\n")
    lines[2] = lines[2].replace("40.00", wrong)
    with pytest.raises(Untranslatable, match=r"Row 3: amount"):
        to_settlement("amazon", "\n".join(lines).encode(), books_amazons=True)


@given(st.data())
def test_columns_may_stand_in_any_order_and_others_between_them(data: st.DataObject) -> None:
    lines = [line.split("\t") for line in SAMPLE.read_text().rstrip("\n").split("\n")]
    turn = data.draw(st.permutations(range(len(lines[0]))))
    moved = [["new" if number == 0 else "x", *(line[index] for index in turn)] for number, line in enumerate(lines)]
    body = "\n".join("\t".join(line) for line in moved).encode()
    assert to_settlement("a", body, books_amazons=True) == to_settlement("a", SAMPLE.read_bytes(), books_amazons=True)


async def test_a_report_too_large_to_be_read_at_once_is_an_exception_of_its_own(paid: Any) -> None:
    cursor = await started(paid)
    paid.sim.act("settle", {"packed": True})
    made = paid.sim.settlements.made[0]
    head, *rest = gzip.decompress(made.text).split(b"\n")
    made.text = gzip.compress(b"\n".join([head, *rest * (1 + LARGEST // sum(map(len, rest)))]))
    [found], _ = await paid.poll("settlements", cursor)
    assert len(found.body) == LARGEST
    with pytest.raises(Untranslatable, match="about 50,000 rows"):
        read(found)


async def test_a_first_start_by_a_clock_that_runs_ahead_passes_over_nothing(paid: Any) -> None:
    paid.sim.act("settle", {})  # before Crossdock was there: somebody else's
    paid.later(3600)
    paid.ahead = timedelta(hours=5)
    cursor = await started(paid)
    settlement = paid.sim.act("settle", {})["id"]
    found, _ = await paid.poll("settlements", cursor)
    assert [one.stream_key for one in found] == [f"amazon-{settlement}"]
