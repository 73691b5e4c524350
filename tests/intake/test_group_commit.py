"""Sharing commits: everyone is answered truly, whatever happens to the others."""

import asyncio

import pytest

from crossdock.domain.decision import StreamRef
from crossdock.intake.group_commit import GroupCommitter, Overloaded
from crossdock.observe.signals import Silence
from crossdock.store.protocol import Arrival, CommitUnknown, Receipt, StoreUnavailable
from tests.intake.world import KeepingStore, until


def arrival(number: int) -> Arrival:
    return Arrival("north", f"d{number}", "webhook", "order/new", StreamRef("order", f"north-{number}"), b"{}")


def committer(store: KeepingStore, **settings: int) -> GroupCommitter:
    return GroupCommitter(store, Silence(), **settings)  # type: ignore[arg-type]


async def test_those_who_come_during_a_commit_share_the_next() -> None:
    store = KeepingStore()
    store.gate.clear()
    commits = committer(store, in_flight=1)
    first = asyncio.create_task(commits.commit(arrival(0)))
    await until(lambda: store.groups == [1])
    rest = [asyncio.create_task(commits.commit(arrival(n))) for n in range(1, 50)]
    await asyncio.sleep(0)
    assert not first.done()
    store.gate.set()
    receipts = await asyncio.gather(first, *rest)
    assert store.groups == [1, 49]
    assert len({receipt.message_id for receipt in receipts}) == 50
    await commits.drain()
    assert 1 <= store.wakes <= 2


async def test_one_bad_arrival_spoils_no_other() -> None:
    store = KeepingStore()
    store.refuse = {"d3"}
    commits = committer(store, in_flight=1)
    answers = await asyncio.gather(*(commits.commit(arrival(n)) for n in range(6)), return_exceptions=True)
    assert isinstance(answers[3], ValueError)
    assert [one.delivery_id for one in store.kept] == ["d0", "d1", "d2", "d4", "d5"]
    assert all(isinstance(answer, Receipt) for n, answer in enumerate(answers) if n != 3)
    await commits.drain()


async def test_a_caller_that_leaves_takes_nobody_along() -> None:
    store = KeepingStore()
    store.gate.clear()
    commits = committer(store, in_flight=1)
    tasks = [asyncio.create_task(commits.commit(arrival(n))) for n in range(3)]
    await until(lambda: bool(store.groups))
    tasks[0].cancel()
    tasks[2].cancel()
    store.gate.set()
    assert isinstance(await tasks[1], Receipt)
    await commits.drain()
    assert {"d0", "d1", "d2"} == {one.delivery_id for one in store.kept}


async def test_an_absent_store_answers_everyone() -> None:
    store = KeepingStore()
    store.away = True
    commits = committer(store)
    answers = await asyncio.gather(*(commits.commit(arrival(n)) for n in range(5)), return_exceptions=True)
    assert all(isinstance(answer, StoreUnavailable) for answer in answers)
    assert not store.kept
    assert store.wakes == 0


async def test_an_unknown_commit_is_asked_again() -> None:
    class Doubtful(KeepingStore):
        async def accept(self, arrivals):  # type: ignore[no-untyped-def]
            receipts = await super().accept(arrivals)
            if len(self.groups) == 1:
                raise CommitUnknown("connection lost during COMMIT")
            return receipts

    store = Doubtful()
    commits = committer(store)
    receipt = await commits.commit(arrival(1))
    assert receipt.duplicate
    assert len(store.kept) == 1
    await commits.drain()


async def test_the_queue_is_bounded() -> None:
    store = KeepingStore()
    store.gate.clear()
    commits = committer(store, in_flight=1, bound=3)
    tasks = [asyncio.create_task(commits.commit(arrival(0)))]
    await until(lambda: bool(store.groups))
    tasks += [asyncio.create_task(commits.commit(arrival(n))) for n in range(1, 4)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await commits.commit(arrival(4))
    store.gate.set()
    await asyncio.gather(*tasks)
    await commits.drain()


async def test_a_crowd_does_not_wait_for_a_slow_commit() -> None:
    store = KeepingStore()
    store.gate.clear()
    commits = committer(store, in_flight=2, crowd=10)
    tasks = [asyncio.create_task(commits.commit(arrival(0)))]
    await until(lambda: store.groups == [1])
    tasks += [asyncio.create_task(commits.commit(arrival(n))) for n in range(1, 10)]
    await asyncio.sleep(0)
    assert store.groups == [1]
    tasks.append(asyncio.create_task(commits.commit(arrival(10))))
    await until(lambda: len(store.groups) == 2)
    assert store.groups == [1, 10]
    store.gate.set()
    await asyncio.gather(*tasks)
    await commits.drain()
