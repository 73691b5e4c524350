"""What systems have to choose from: each list is replaced whole, and an empty one was read all the same."""

from crossdock.store.postgres import PostgresStore
from crossdock.store.value_lists import all_lists


async def test_a_list_is_replaced_whole(store: PostgresStore) -> None:
    await store.register("erp", "netsuite", role="erp")
    await store.save_values("erp", "ship_methods", [("1", "Ground"), ("2", "Air"), ("1", "Ground")])
    await store.save_values("erp", "ship_methods", [("2", "Air\0mail"), ("3", "Sea")])
    await store.save_values("erp", "currencies", [])
    assert await all_lists(store.pool) == {
        ("erp", "ship_methods"): [("2", "Air\N{REPLACEMENT CHARACTER}mail"), ("3", "Sea")],
        ("erp", "currencies"): [],
    }
