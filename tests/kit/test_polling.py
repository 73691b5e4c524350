"""What polls share."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from crossdock.kit.polling import not_ahead, option_instant

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "instant"),
    [
        (None, None),
        ("", None),
        ("2026-11-02T12:00:00Z", NOON),
        ("2026-11-02T13:00:00+01:00", NOON),
        ("2026-11-02T12:00:00", NOON),
        ("2026-11-02", NOON - timedelta(hours=12)),
        (NOON, NOON),
    ],
)
def test_an_option_is_an_aware_instant_in_utc(told: object, instant: datetime | None) -> None:
    found = option_instant(told)
    assert found == instant
    assert found is None or found.tzinfo is UTC


def test_an_option_that_is_no_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="yesterday"):
        option_instant("yesterday")


class Place(msgspec.Struct, frozen=True):
    since: datetime
    seen: datetime
    begun: datetime
    after: str = "page 2"


def test_a_place_does_not_run_ahead_of_the_vendors_clock() -> None:
    ahead = NOON + timedelta(hours=1)
    place = Place(NOON - timedelta(hours=1), ahead, ahead)
    assert not_ahead(place, NOON) == Place(NOON - timedelta(hours=1), NOON, NOON)
    assert not_ahead(place, ahead) is place
    assert not_ahead(place, None) is place
