"""Who sends too much is told so, and who does not is never."""

import pytest

from crossdock.intake.sources import SourceLimit


@pytest.mark.parametrize("now", [0.0, 65_369.9726, 1e6 / 3])
@pytest.mark.parametrize("burst", [1, 3])
def test_a_burst_is_as_many_as_it_says_whatever_the_clock_shows(now: float, burst: int) -> None:
    limit = SourceLimit(0.001, burst, lambda: now)
    assert [limit.take("10.0.0.1") for _ in range(burst + 1)] == [True] * burst + [False]
    assert limit.wait_s("10.0.0.1") == pytest.approx(1000.0)
    limit.give_back("10.0.0.1")
    assert limit.take("10.0.0.1")
