"""How a worker holds on to an account's slots."""

from datetime import UTC, datetime, timedelta

import pytest

from crossdock.engine.quota import QuotaHold
from crossdock.kit.manifest import Quota
from crossdock.store.memory import MemoryStore

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)


class Counting:
    """The slots of one account, and when they were asked for."""

    def __init__(self, grants: int) -> None:
        self.asked: list[float] = []
        self.grants = grants
        self.now = 0.0

    async def acquire_slots(self, *arguments: object, using: int = 0) -> int:
        self.asked.append(self.now)
        return self.grants

    async def seconds(self, hold: QuotaHold, seconds: int, using: int) -> int:
        """How often slots are asked for in that many rounds, one a second."""
        before = len(self.asked)
        for _ in range(seconds):
            await hold.renew(using)
            self.now += 1.0
        return len(self.asked) - before


@pytest.mark.parametrize(("grants", "using", "times"), [(7, 1, 12), (0, 0, 12), (7, 0, 4)])
async def test_who_rests_renews_his_slots_seldom_and_who_lacks_or_uses_them_every_second(
    grants: int, using: int, times: int
) -> None:
    store = Counting(grants)
    hold = QuotaHold(store, "erp", Quota(concurrency=8), "w", lambda: store.now)  # type: ignore[arg-type]
    assert await store.seconds(hold, 12, using) == times


async def test_a_newcomer_has_his_share_within_one_rest_of_who_holds_all() -> None:
    clock = [0.0]
    store = MemoryStore(lambda: NOON + timedelta(seconds=clock[0]))
    resting, newcomer = (
        QuotaHold(store, "erp", Quota(concurrency=9), worker, lambda: clock[0]) for worker in ("old", "new")
    )
    await resting.renew(0)
    assert resting.slots == 8
    for second in range(1, 6):
        clock[0] = float(second)
        await newcomer.renew(0)
        await resting.renew(0)
        assert resting.slots + newcomer.slots <= 8, "never more than there are"
    assert (resting.slots, newcomer.slots) == (4, 4)
