"""Orders that lack masters are told when these come: exactly those, each once, whatever the timing."""

from crossdock.domain.decision import Want
from crossdock.domain.events import MastersCame, encode_event
from crossdock.store.protocol import Store
from tests.store.probes import arrival, bodies, decide

CAME = encode_event(MastersCame("erp", "product"))


def want(key: str, *, unread: bool = False, kind: str = "product") -> Want:
    return Want("erp", kind, key, unread)


async def lacking(store: Store, order: str, *wants: Want) -> None:
    """Decide on an order that lacks something."""
    await store.accept([arrival(f"{order}/{len(wants)}", order)])
    await decide(store, wants=wants)


async def test_only_orders_that_lack_it_are_told(any_store: Store) -> None:
    await lacking(any_store, "o1", want("a"))
    await lacking(any_store, "o2", want("b"), want("a"))
    await lacking(any_store, "o3", want("c"))
    await lacking(any_store, "o4", want("a", kind="customer"))
    assert await any_store.look_again("erp", "product", ["a", "x"], 100) == 2
    assert await bodies(any_store) == {"o1": [CAME], "o2": [CAME]}
    assert await any_store.look_again("erp", "product", ["a"], 100) == 0


async def test_who_is_told_is_told_by_what(any_store: Store) -> None:
    await lacking(any_store, "o1", want("a"))
    assert await any_store.look_again("erp", "product", ["a"], 100, "00-poll") == 1
    async with any_store.claim_streams(0, 10, 10) as batch:
        assert [message.trace for message in batch.streams[0].messages] == ["00-poll"]


async def test_a_decision_replaces_what_is_lacking_or_leaves_it(any_store: Store) -> None:
    await lacking(any_store, "o1", want("a"), want("b"))
    await any_store.accept([arrival("again", "o1")])
    await decide(any_store)  # says nothing about it
    await lacking(any_store, "o2", want("b"))
    await lacking(any_store, "o2")
    assert await any_store.look_again("erp", "product", ["b"], 100) == 1
    assert list(await bodies(any_store)) == ["o1"]


async def test_a_lot_is_bounded_and_the_rest_is_left_for_the_next(any_store: Store) -> None:
    for number in range(5):
        await lacking(any_store, f"o{number}", want("a"))
    assert [await any_store.look_again("erp", "product", ["a"], 2) for _ in range(4)] == [2, 2, 1, 0]
    assert len(await bodies(any_store)) == 5


async def test_what_came_while_an_order_was_being_looked_at_is_not_missed(any_store: Store) -> None:
    await any_store.save_masters("erp", "product", [("a", b"1")])
    await lacking(any_store, "o1", want("a"))  # it looked just before they were saved
    await lacking(any_store, "o2", want("b"))
    assert await any_store.look_again("erp", "product", None, 100) == 1
    assert await bodies(any_store) == {"o1": [CAME]}


async def test_after_the_first_whole_round_all_that_waited_for_it_look_again(any_store: Store) -> None:
    await lacking(any_store, "o1", want("a", unread=True))
    await lacking(any_store, "o2", want("a"))
    assert await any_store.look_again("erp", "product", None, 100) == 0
    assert not await any_store.masters_listed("erp", "product")
    await any_store.note_listed("erp", "product")
    await any_store.note_listed("erp", "product")
    assert await any_store.masters_listed("erp", "product")
    assert not await any_store.masters_listed("erp", "customer")
    assert await any_store.look_again("erp", "product", None, 100) == 1
    assert await bodies(any_store) == {"o1": [CAME]}


async def test_what_no_master_can_be_called_is_not_waited_for(any_store: Store) -> None:
    await lacking(any_store, "o1", want("a\0b"), want("x" * 301), want("a"), want("a", unread=True))
    assert await any_store.look_again("erp", "product", ["a\N{REPLACEMENT CHARACTER}b", "a"], 100) == 1


async def test_a_name_that_no_master_can_have_is_left_out_and_harms_nothing(any_store: Store) -> None:
    await any_store.save_masters("erp", "product", [("A", b"a"), ("A\0B", b"x"), ("C" * 4_000, b"y")])
    assert await any_store.load_masters("erp", "product", ["A", "A\0B", "C" * 4_000]) == {"A": b"a"}
