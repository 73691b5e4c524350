"""A database that lost time: whoever leases is told, for as long as it matters."""

from crossdock.store.protocol import LOST_FENCES, Store
from tests.store.probes import arrival, booking, decide, sent
from tests.store.test_delivering_conformance import one_command


async def test_whoever_leases_is_told(any_store: Store) -> None:
    await any_store.restored(3600.0)
    command = await one_command(any_store)
    assert command.restored_s is not None
    assert 0 <= command.restored_s < 60
    assert (command.tries, command.check_first, command.expired) == (0, False, False)


async def test_whoever_takes_over_is_told(any_store: Store) -> None:
    await one_command(any_store, lease_s=0.0)
    await any_store.restored(3600.0)
    (taken,) = await any_store.claim_commands("erp", 10, 30, expired=True)
    assert taken.restored_s is not None


async def test_nobody_is_told_before_it_happened_and_after_it_was_made_up_for(any_store: Store) -> None:
    assert (await one_command(any_store)).restored_s is None
    assert (await any_store.tend())["doubted_s"] == 0
    await any_store.restored(3600.0)
    assert 3000 < (await any_store.tend())["doubted_s"] <= 3600
    await any_store.restored(0.0)
    await any_store.accept([arrival("d2", "o2")])
    await decide(any_store, commands=[booking("o2/erp/order.book")])
    (command,) = await any_store.claim_commands("erp", 10, 30)
    assert command.restored_s is None
    assert (await any_store.tend())["doubted_s"] == 0


async def test_fences_that_may_have_been_given_in_the_lost_time_are_never_given_again(any_store: Store) -> None:
    """A worker from before it reports under its old fence: that must not fit what was leased since."""
    before = await one_command(any_store)
    await any_store.unlease([(before.id, before.fence)])
    await any_store.restored(3600.0)
    (after,) = await any_store.claim_commands("erp", 10, 30)
    assert after.fence > before.fence + LOST_FENCES
    assert await any_store.record([sent(before)]) == [False]


async def test_what_is_given_back_for_a_while_is_due_after_it(any_store: Store) -> None:
    command = await one_command(any_store)
    await any_store.unlease([(command.id, command.fence)], 3600.0)
    assert await any_store.claim_commands("erp", 10, 30) == []
    assert await any_store.claim_commands("erp", 10, 30, expired=True) == []
