"""A certificate is what was signed, to the byte; its list comes to its sums; a business date is as long as it is."""

import string
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfoNotFoundError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossdock.reconcile import certificate
from crossdock.reconcile.certificate import BadCertificate, BadKey
from crossdock.reconcile.closing import day_of
from crossdock.reconcile.summing import Row, Side, as_list, list_digest, read_list, rows_of, summarise
from tests.reconcile.sides import sides

SECRET, PUBLIC = certificate.make_key()
KEY = certificate.private_key(SECRET.decode())
SAID = {"kind": certificate.KIND, "version": certificate.VERSION, "date": "2026-11-23", "sum": "110.00", "who": "Zoë"}
FILE = certificate.sign(SAID, KEY)


def test_what_was_signed_is_verified_and_says_the_same() -> None:
    assert certificate.verify(FILE, certificate.public_key(PUBLIC)) == SAID
    assert FILE.count(b"\n") == 1


@pytest.mark.parametrize("place", range(len(FILE)))
def test_no_byte_can_be_changed(place: int) -> None:
    for other in {FILE[place] ^ 1, FILE[place] ^ 0x20, *b'0AQgwx/+=" '} - {FILE[place]}:
        with pytest.raises(BadCertificate):
            certificate.verify(FILE[:place] + bytes([other]) + FILE[place + 1 :], certificate.public_key(PUBLIC))


def test_a_signature_has_one_spelling() -> None:
    """Of the last letter before ``==`` four bits make no byte: 15 others would decode to the same signature."""
    last = FILE.index(b"==") - 1
    letters = string.ascii_letters + string.digits + "+/"
    for letter in set(letters.encode()) - {FILE[last]}:
        with pytest.raises(BadCertificate):
            certificate.verify(FILE[:last] + bytes([letter]) + FILE[last + 1 :], certificate.public_key(PUBLIC))


@given(st.binary(max_size=60))
def test_anything_else_is_refused_with_words(data: bytes) -> None:
    for file in (data, FILE + data, FILE[: len(data)]):
        if file != FILE:
            with pytest.raises(BadCertificate):
                certificate.verify(file, certificate.public_key(PUBLIC))


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (FILE.rstrip(), "not in the form"),
        (FILE.replace(b'"110.00"', b'"110.01"'), "signature does not fit"),
        (FILE.replace(b'{"certificate"', b'{ "certificate"'), "not in the form"),
        (certificate.sign({"kind": "something else", "version": 1}, KEY), "not a day close"),
        (b"{}", "cut or changed"),
    ],
)
def test_the_error_says_what_is_wrong(file: bytes, said: str) -> None:
    with pytest.raises(BadCertificate, match=said):
        certificate.verify(file, certificate.public_key(PUBLIC))


def test_another_key_is_named() -> None:
    _, other = certificate.make_key()
    with pytest.raises(BadCertificate, match="not by the one given"):
        certificate.verify(FILE, certificate.public_key(other))


@pytest.mark.parametrize("pem", [b"", b"nonsense", SECRET])
def test_what_is_no_public_key_is_refused(pem: bytes) -> None:
    with pytest.raises(BadKey):
        certificate.public_key(pem)


def test_what_is_no_signing_key_is_refused() -> None:
    for pem in ("", "nonsense", PUBLIC.decode()):
        with pytest.raises(BadKey):
            certificate.private_key(pem)


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        (date(2026, 10, 25), "Europe/Berlin", 25),
        (date(2026, 3, 29), "Europe/Berlin", 23),
        (date(2026, 11, 23), "Europe/Berlin", 24),
        (date(2026, 4, 5), "Australia/Lord_Howe", 24.5),
        (date(2026, 1, 1), "UTC", 24),
    ],
)
def test_a_business_date_is_as_long_as_its_clocks_make_it(day: date, zone: str, hours: float) -> None:
    found = day_of(day, zone)
    assert (found.until - found.since).total_seconds() == hours * 3600
    assert found.since.tzinfo is UTC


def test_business_dates_leave_no_gap() -> None:
    assert day_of(date(2026, 10, 25), "Europe/Berlin").until == day_of(date(2026, 10, 26), "Europe/Berlin").since
    assert day_of(date(2026, 11, 23), "America/Chicago").since == datetime(2026, 11, 23, 6, tzinfo=UTC)


def test_an_unknown_zone_is_an_error() -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        day_of(date(2026, 1, 1), "Mars/Olympus")


def test_counts_and_sums_on_three_sides() -> None:
    rows = [
        *rows_of(sides(), "shop", "erp", "shop", ()),
        *rows_of(sides(channel={"status": "cancelled"}, erp=None), "shop", "erp", "shop", ("cancelled_in_channel",)),
        *rows_of(sides(ours={"booked": False}, erp=None), "shop", "erp", "shop", ()),
        *rows_of(sides(channel={"currency": "USD"}), "shop", "erp", "shop", ("channel_amount_differs",)),
    ]
    euro, dollar = summarise(rows)
    assert (euro["route"], euro["erp_name"], euro["currency"], dollar["currency"]) == ("shop", "erp", "EUR", "USD")
    assert euro["channel"] == {"orders": 2, "cancelled": 1, "total": "220.00"}
    assert euro["crossdock"] == {
        "orders": 4, "cancelled": 0, "total": "440.00", "owed": "440.00", "not_booked": 1, "not_booked_owed": "110.00",
    }  # fmt: skip
    assert euro["erp"] == {"orders": 2, "cancelled": 0, "total": "220.00", "invoiced": "0.00"}
    assert dollar["channel"]["total"] == "110.00"
    assert (euro["differing"], dollar["differing"]) == (2, 1)


def test_presentment_amounts_are_summed_where_they_are_booked() -> None:
    shown = {"presentment_total": Decimal("120.00"), "presentment_currency": "USD"}
    three = sides(ours={"stated": Decimal(120), "owed": Decimal(120), "owed_currency": "USD"}, channel=shown, erp=None)
    (row,) = rows_of(three, "shop", "erp", "presentment", ())
    assert (row.currency, row.channel) == ("USD", Side(Decimal("120.00")))


sides_ = st.none() | st.builds(Side, st.decimals(0, 999, places=2), st.booleans(), owed=st.decimals(0, 999, places=2))
rows_ = st.lists(
    st.builds(
        Row, st.text("ab-1", min_size=1, max_size=6), st.sampled_from(["a", "b"]), st.just("erp"),
        st.sampled_from(["EUR", "USD"]), sides_, sides_, sides_, st.just(()),
    ),
    max_size=12, unique_by=lambda row: (row.route, row.key, row.currency),
)  # fmt: skip


@given(rows_, st.randoms(use_true_random=False))
def test_a_list_reads_back_whatever_its_order_and_comes_to_the_same_sums(rows: list[Row], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    stored = as_list(shuffled)
    assert list_digest(stored) == list_digest(as_list(rows))
    assert summarise(read_list(stored)) == summarise(rows)
    assert sum(one["channel"]["orders"] + one["channel"]["cancelled"] for one in summarise(rows)) == sum(
        row.channel is not None for row in rows
    )
