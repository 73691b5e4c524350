"""What the Connections page says of a connection's quota."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from crossdock.api.connections import _used


@pytest.mark.parametrize(("in_flight", "used"), [(0, 0.0), (2, 0.2), (12, 1.0)])
def test_quota_in_use_is_what_is_under_way_not_what_workers_keep(in_flight: int, used: float) -> None:
    health = SimpleNamespace(in_flight=in_flight, slots_held=9, booked_s=None)
    facts = SimpleNamespace(concurrency=10, rate_per_s=1000.0, burst=2000.0)
    assert _used(cast(Any, health), cast(Any, facts)) == used


def test_of_an_account_with_a_rate_it_is_what_is_booked_ahead() -> None:
    health = SimpleNamespace(in_flight=3, slots_held=None, booked_s=0.5)
    facts = SimpleNamespace(concurrency=None, rate_per_s=10.0, burst=20.0)
    assert _used(cast(Any, health), cast(Any, facts)) == 0.25
