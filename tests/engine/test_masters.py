"""The cache of masters: what is missing or inactive is asked for every time, and whether all were ever listed."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from crossdock.domain.decision import CustomerMaster, Policy, ProductMaster, StreamRef
from crossdock.domain.matching import keys_of
from crossdock.domain.measures import measure_key
from crossdock.domain.pricing import PriceMaster
from crossdock.engine.masters import MasterCache
from crossdock.engine.verdict import Work
from crossdock.kit.manifest import Poll, Repeat
from crossdock.store.protocol import ClaimedStream
from tests.engine.toy import ToySystem, connector, world


class Shelf:
    """As much of a ``Store`` as the cache uses."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], bytes] = {}
        self.people: list[tuple[str, bytes]] = []
        self.linked: dict[str, str] = {}
        self.listed: set[str] = set()
        self.asked: list[Any] = []

    def put(self, one: ProductMaster | CustomerMaster) -> None:
        if isinstance(one, ProductMaster):
            self.rows["product", one.sku] = msgspec.json.encode(one)
        else:
            self.people += [(key, msgspec.json.encode(one)) for key in keys_of(one)]

    async def load_customers(self, connection: str, keys: Sequence[str]) -> list[tuple[str, bytes]]:
        self.asked.append(("customer", list(keys)))
        return [(key, body) for key, body in self.people if key in keys]

    async def links(self, channel: str, erp: str, ids: Sequence[str]) -> dict[str, str]:
        self.asked.append((channel, erp, list(ids)))
        return {one: self.linked[one] for one in ids if one in self.linked}

    async def load_masters(self, connection: str, kind: str, keys: Sequence[str]) -> dict[str, bytes]:
        self.asked.append((kind, list(keys)))
        return {key: self.rows[kind, key] for key in keys if (kind, key) in self.rows}

    async def masters_listed(self, connection: str, kind: str) -> bool:
        self.asked.append(kind)
        return kind in self.listed


def work(*skus: str, emails: set[str] | None = None) -> Work:
    stream = ClaimedStream(1, StreamRef("order", "o"), 0, None, "new", [])
    return Work(stream, None, None, [], {"shop": (set(skus), emails or set())})


def cache(shelf: Shelf, *polls: str) -> MasterCache:
    made = world(shelf, connector(ToySystem(), Repeat.UNIQUE))  # type: ignore[arg-type]
    bringing = {kind: Poll(kind, lambda *_: None, masters=kind) for kind in polls}  # type: ignore[arg-type,return-value]
    links = {
        name: msgspec.structs.replace(link, connector=msgspec.structs.replace(link.connector, polls=bringing))
        for name, link in made.links.items()
    }
    changed = msgspec.structs.replace(
        made, links=links, policies={"shop": Policy("shop", "erp")}, stopwatch=lambda: 0.0
    )
    return MasterCache(changed)


async def test_found_and_active_ones_are_remembered_and_the_others_asked_for_again() -> None:
    shelf = Shelf()
    shelf.put(ProductMaster("A", "1"))
    shelf.put(ProductMaster("B", "2", active=False))
    masters = cache(shelf)
    await masters.gather([work("A", "B", "C")])
    shelf.asked.clear()
    shelf.put(ProductMaster("B", "2"))
    view = (await masters.gather([work("A", "B", "C")]))["erp"]
    assert shelf.asked == [("product", ["B", "C"])]
    assert [known.active for sku in "AB" if (known := view.product(sku))] == [True, True]


async def test_whether_all_were_listed_is_asked_before_the_masters_until_they_were() -> None:
    shelf = Shelf()
    masters = cache(shelf, "product", "customer")
    view = (await masters.gather([work("A", emails={"a@b"})]))["erp"]
    assert shelf.asked[:2] == ["product", "customer"], "else a round that ends in between would go unseen"
    assert not view.listed("product")
    assert not view.listed("customer")
    shelf.listed.add("product")
    view = (await masters.gather([work("A", emails={"a@b"})]))["erp"]
    assert view.listed("product")
    assert not view.listed("customer")
    shelf.asked.clear()
    await masters.gather([work("A")])
    assert shelf.asked == [("product", ["A"])], "what was listed once stays listed"


async def test_customers_that_share_a_key_are_all_found_and_links_are_read_by_channel() -> None:
    shelf = Shelf()
    shelf.put(CustomerMaster("1", "a@b"))
    shelf.put(CustomerMaster("2", "a@b"))
    shelf.linked["7"] = "9"
    masters = cache(shelf)
    wanted = work(emails={"a@b", "LINK:shop:7", "LINK:shop:8"})
    view = (await masters.gather([wanted]))["erp"]
    assert [known.ref for known in view.customers("a@b")] == ["1", "2"]
    assert [known.ref for known in view.customers("LINK:shop:7")] == ["9"]
    assert view.customers("LINK:shop:8") == ()
    assert shelf.asked == [("customer", ["a@b"]), ("shop", "erp", ["7", "8"])]
    shelf.asked.clear()
    await masters.gather([wanted])
    assert shelf.asked == [("customer", []), ("shop", "erp", ["8"])], "what was found is remembered for a while"


async def test_where_no_poll_brings_them_there_is_no_first_round() -> None:
    shelf = Shelf()
    view = (await cache(shelf).gather([work("A", emails={"a@b"})]))["erp"]
    assert view.listed("product")
    assert view.listed("customer")
    assert "product" not in shelf.asked


async def test_units_are_loaded_where_they_are_asked_for_and_remembered() -> None:
    shelf = Shelf()
    shelf.put(ProductMaster("A", "1"))
    boxed = PriceMaster("A", "1", unit="Each", base_unit="Each", units={"Carton": Decimal(12)})
    shelf.rows["price", "A"] = msgspec.json.encode(boxed)
    masters = cache(shelf)
    view = (await masters.gather([work("A")]))["erp"]
    assert (view.prices("A"), shelf.asked) == (None, [("product", ["A"])])
    shelf.asked.clear()
    view = (await masters.gather([work("A", measure_key("A"), measure_key("B"))]))["erp"]
    assert (view.prices("A"), view.prices("B")) == (boxed, None)
    assert shelf.asked == [("price", ["A", "B"])]
    shelf.asked.clear()
    await masters.gather([work("A", measure_key("A"))])
    assert shelf.asked == []
