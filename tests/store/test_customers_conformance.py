"""Customers under all of their keys, and people's links by their references."""

from crossdock.domain.decision import Reference
from crossdock.store.protocol import Store
from tests.store.probes import arrival, decide

LINK = "linked_customer"


async def loaded(store: Store, *keys: str) -> set[tuple[str, bytes]]:
    return set(await store.load_customers("erp", keys))


async def test_several_customers_may_share_a_key_and_each_leaves_its_old_ones(any_store: Store) -> None:
    await any_store.save_customers("erp", [("a@b", "1", b"one"), ("REF:1", "1", b"one"), ("a@b", "2", b"two")])
    assert await loaded(any_store, "a@b", "none") == {("a@b", b"one"), ("a@b", b"two")}
    await any_store.save_customers("erp", [("c@d", "1", b"ONE"), ("REF:1", "1", b"ONE")])
    assert await loaded(any_store, "a@b", "c@d", "REF:1") == {("a@b", b"two"), ("c@d", b"ONE"), ("REF:1", b"ONE")}
    assert await any_store.load_customers("shop", ["a@b"]) == []
    await any_store.save_customers(
        "erp", [("x" * 301, "3", b"three"), ("n\0l", "3", b"three"), ("REF:3", "3", b"three")]
    )
    assert await loaded(any_store, "x" * 301, "n\0l", "REF:3") == {("REF:3", b"three")}


async def test_a_link_is_found_for_later_orders_and_the_newest_counts(any_store: Store) -> None:
    assert await any_store.links("shop", "erp", ["7"]) == {}
    for order, ref in (("o1", "C1"), ("o2", "C2")):
        await any_store.accept([arrival(order, order)])
        await decide(any_store, references=[Reference("shop", LINK, "7"), Reference("erp", LINK, ref)])
    await any_store.accept([arrival("o3", "o3")])
    await decide(any_store, references=[Reference("shop", "order", "8"), Reference("erp", "salesOrder", "9")])
    assert await any_store.links("shop", "erp", ["7", "8", "7\0"]) == {"7": "C2"}
    assert await any_store.links("erp", "shop", ["7"]) == {}
