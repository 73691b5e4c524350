"""The end of a vendor's API version is told 90 days ahead, with what to do."""

from datetime import UTC, datetime, timedelta

import pytest

from crossdock.kit.manifest import Manifest
from crossdock.kit.sunset import ending, sunset_at

END = datetime(2027, 10, 1, tzinfo=UTC)


def speaks(sunset: str | None) -> Manifest:
    return Manifest("shop", "Shop", "channel", "2026-10", (), "1", {}, sunset=sunset)


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (timedelta(days=91), None),
        (timedelta(days=90), None),
        (timedelta(days=89, hours=23), "ends on 2027-10-01, in 89 days"),
        (timedelta(hours=1), "ends on 2027-10-01, in 0 days"),
        (timedelta(hours=-1), "ended on 2027-10-01"),
        (timedelta(days=-400), "ended on 2027-10-01"),
    ],
)
def test_it_is_told_from_90_days_before(before: timedelta, said: str | None) -> None:
    told = ending(speaks("2027-10-01"), END - before)
    if said is None:
        assert told is None
    else:
        assert told is not None
        assert f"Shop's API version 2026-10 {said}." in told
        assert "Upgrade Crossdock" in told


def test_a_vendor_that_names_none_ends_none() -> None:
    assert sunset_at(speaks(None)) is None
    assert ending(speaks(None), END) is None
    assert sunset_at(speaks("2027-10-01")) == END
