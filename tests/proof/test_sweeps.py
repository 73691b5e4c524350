"""Every golden run, killed at every boundary: no promise may break."""

from typing import Any

import pytest

from crossdock.proof.golden import GOLDEN
from crossdock.proof.marks import Mark
from crossdock.proof.run import run
from crossdock.proof.sweep import Fatal, Kill, Swept, killed, kills, lines, marks, places, sweep

# What each golden run is about, and how often: a change of chance must not make it about something else.
ABOUT = {
    "one-order": ("invoice.make", 1),
    "parcels": ("shipment.post", 3),
    "cancelled": ("booking.close", 1),
    "called-back": ("release.cancel", 1),
    "answer-lost": ("FAULT answer_lost: order.book", 1),
    "webhooks": ("FAULT webhook_duplicate", 6),
    "polls": ("FAULT webhook_dropped", 6),
    "two-workers": ("invoice.make", 1),
}


@pytest.mark.parametrize("golden", GOLDEN)
def test_nothing_is_lost_or_doubled_wherever_it_is_killed(golden: str) -> None:
    (swept,) = sweep([golden])
    assert swept.kills > swept.boundaries / 4
    assert swept.twice >= 5
    assert not swept.violations, "\n".join(lines([swept]))


@pytest.mark.parametrize("golden", GOLDEN)
def test_a_golden_run_is_about_what_it_says_and_at_rest_before_its_end(golden: str) -> None:
    ran = run(GOLDEN[golden], keep_notes=True)
    what, times = ABOUT[golden]
    commands = {note.what.partition(" -> ")[0] for note in ran.notes if note.what.startswith(what)}
    struck = sum(note.what.startswith(what) for note in ran.notes)
    assert (struck if what.startswith("FAULT") else len(commands)) >= times
    quiet = next(note.at for note in ran.notes if note.what.startswith("quiet"))
    changes = [note for note in ran.notes if "->" in note.what and note.order and "read_back" not in note.what]
    assert changes[-1].at < quiet - 1
    assert not ran.violations


def test_two_workers_share_a_golden_run() -> None:
    assert {mark.process for mark in marks("two-workers")} == {"w1", "w2"}


def _found(golden: str, number: int) -> str | None:
    """The world as the successor finds it at its first boundary; None when the run is over before."""
    crossed: list[Mark] = []
    run(killed(golden, Kill(number)), marks=crossed)
    return crossed[number].world if len(crossed) > number else None


def test_a_kill_at_a_boundary_that_is_left_out_leaves_the_same_world() -> None:
    crossed = marks("one-order")
    kept = [mark.number for mark in places(crossed, whole=True)]
    left_out = [mark.number for mark in crossed if mark.number not in kept]
    assert len(left_out) > len(crossed) / 4
    sample = left_out[::4]
    stands_for = {number: max(one for one in kept if one < number) for number in sample}
    other = [number for number in sample if _found("one-order", number) != _found("one-order", stands_for[number])]
    # The kills are milliseconds apart: now and then a webhook's retry falls in between, or the successor's start.
    assert len(other) <= len(sample) // 10, [(stands_for[number], number) for number in other]


def _mark(number: int, world: str, *, process: str = "w1", at: float = 0.0, orders: int = 1) -> Mark:
    return Mark(number, at, process, "before accept", world, orders)


@pytest.mark.parametrize(
    ("crossed", "worth"),
    [
        ([_mark(1, "a"), _mark(2, "a"), _mark(3, "b")], [1, 3]),
        ([_mark(1, "a"), _mark(2, "a", process="w2"), _mark(3, "a")], [1, 2, 3]),
        ([_mark(1, "a"), _mark(2, "b"), _mark(3, "a")], [1, 2, 3]),
        ([_mark(1, "a", at=1.0), _mark(2, "a", at=1.05), _mark(3, "a", at=1.2)], [1, 3]),
        ([_mark(1, "a", orders=0), _mark(2, "b", orders=1)], [2]),
    ],
)
def test_a_place_is_a_process_with_a_world_at_a_time(crossed: list[Mark], worth: list[int]) -> None:
    assert [mark.number for mark in places(crossed, whole=False)] == worth


def test_some_kills_hit_the_successor_too() -> None:
    planned = list(kills("one-order", [_mark(number, str(number)) for number in range(1, 33)]))
    assert [kill.at for kill in planned if kill.again is None] == list(range(1, 33))
    assert len([kill for kill in planned if kill.again]) == 4
    again = next(kill for kill in planned if kill.again)
    ran = run(killed("one-order", again), keep_notes=True)
    assert ran.faults["crash"] == 2
    assert [note.what for note in ran.notes].count("started") == 3


def test_what_a_kill_broke_is_told() -> None:
    swept = Swept("one-order", 10, 2, 8, 1, 1, 0.5, [Fatal("one-order", Kill(4, 7), "I1a", "shop-1", "lost")])
    told = "\n".join(lines([swept]))
    assert "one-order killed at boundary 4, and its successor at its 7." in told
    assert "broke I1a: shop-1: lost" in told
    assert "1 violations." in told


def test_a_sweep_finds_a_bug_that_shows_after_a_crash_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: commands that a dead worker held are never taken over."""
    from crossdock.engine.courier import Courier

    async def never(*_: Any) -> int:
        return 0

    monkeypatch.setattr(Courier, "_take_over", never)
    asked = next(mark.number for mark in marks("one-order") if mark.what.startswith("before order.book"))
    ran = run(killed("one-order", Kill(asked)))
    assert {one.invariant for one in ran.violations} >= {"I10"}
