"""What may cost a lot is asked for rarely, and never forgotten."""

import pytest

from crossdock.engine.sparingly import LONGEST_S, Sparingly


class Watch:
    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


def _took(took_s: float) -> tuple[Watch, Sparingly]:
    watch = Watch()
    look = Sparingly(2.0, watch)
    assert look.due()
    with look:
        assert not look.due()
        watch.at += took_s
    return watch, look


@pytest.mark.parametrize(
    ("took_s", "next_s"), [(0.0, 2.0), (0.01, 2.0), (0.04, 2.0), (0.1, 5.0), (0.2, 10.0), (3.0, LONGEST_S)]
)
def test_it_takes_a_fiftieth_of_the_time_and_waits_ten_seconds_at_most(took_s: float, next_s: float) -> None:
    watch, look = _took(took_s)
    watch.at = 100.0 + next_s - 0.001
    assert not look.due()
    watch.at = 100.0 + next_s + 0.001
    assert look.due()


def test_what_failed_says_nothing_about_its_cost() -> None:
    watch = Watch()
    look = Sparingly(2.0, watch)

    def fail() -> None:
        with look:
            watch.at += 1.9
            raise OSError("away")

    with pytest.raises(OSError, match="away"):
        fail()
    watch.at = 102.001
    assert look.due()
