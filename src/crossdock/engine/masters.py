"""The ERP's masters for a batch: found ones are remembered for a while, missing ones asked for every time."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from crossdock.domain.decision import CustomerMaster, Masters, ProductMaster
from crossdock.domain.matching import linked_in
from crossdock.domain.measures import measured_sku
from crossdock.domain.pricing import PriceMaster
from crossdock.engine.verdict import Work
from crossdock.engine.world import World

REMEMBER_S = 30.0
MOST = 50_000
PRODUCT, CUSTOMER, PRICE = "product", "customer", "price"

_product: msgspec.json.Decoder[ProductMaster] = msgspec.json.Decoder(ProductMaster)
_customer: msgspec.json.Decoder[CustomerMaster] = msgspec.json.Decoder(CustomerMaster)
_priced: msgspec.json.Decoder[PriceMaster] = msgspec.json.Decoder(PriceMaster)


class MastersView:
    """Pure look-ups in what one connection's masters are known to be."""

    def __init__(self) -> None:
        self.products: dict[str, ProductMaster] = {}
        self.priced: dict[str, PriceMaster] = {}
        self.known: dict[str, tuple[CustomerMaster, ...]] = {}  # customers by key; nobody where the key is missing
        self.unlisted: set[str] = set()
        self.as_of = 0.0

    def product(self, sku: str) -> ProductMaster | None:
        return self.products.get(sku)

    def prices(self, sku: str) -> PriceMaster | None:
        return self.priced.get(sku)

    def customers(self, key: str) -> Sequence[CustomerMaster]:
        return self.known.get(key, ())

    def listed(self, kind: str) -> bool:
        return kind not in self.unlisted

    def lacks(self, skus: set[str], keys: set[str]) -> tuple[list[str], list[str]]:
        """What has to be asked for. An inactive one may be active by now: its order was just woken for that."""
        products = [sku for sku in skus if (one := self.products.get(sku)) is None or not one.active]
        customers = [key for key in keys if not any(known.active for known in self.customers(key))]
        return sorted(products), sorted(customers)


class MasterCache:
    """One per decide process."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._views: dict[str, MastersView] = {}
        self._listed: set[tuple[str, str]] = set()  # never taken back

    async def gather(self, work: Iterable[Work]) -> Mapping[str, Masters]:
        """Make sure that all masters these streams will look up are known as far as the store knows them."""
        skus: dict[str, set[str]] = {}
        keys: dict[str, set[str]] = {}
        for item in work:
            for channel, (need_skus, need_keys) in item.masters_needed.items():
                policy = self._world.policies.get(channel)
                if policy is not None:
                    skus.setdefault(policy.erp, set()).update(need_skus)
                    keys.setdefault(policy.erp, set()).update(need_keys)
        for erp in skus:
            await self._complete(erp, skus[erp], keys[erp])
        return self._views

    async def _complete(self, erp: str, skus: set[str], keys: set[str]) -> None:
        view = self._fresh_view(erp)
        measures = {sku for key in skus if (sku := measured_sku(key)) is not None}
        products, customers = view.lacks({key for key in skus if measured_sku(key) is None}, keys)
        # Asked before the masters themselves: what a round brought that ended in between is then found.
        await self._ask_listed(view, erp, [kind for kind, keys in ((PRODUCT, products), (CUSTOMER, customers)) if keys])
        if products:
            found = await self._world.store.load_masters(erp, PRODUCT, products)
            view.products.update((key, _product.decode(body)) for key, body in found.items())
        if customers:
            await self._load_customers(view, erp, customers)
        if lacking := sorted(measures - view.priced.keys()):
            found = await self._world.store.load_masters(erp, PRICE, lacking)
            view.priced.update((key, _priced.decode(body)) for key, body in found.items())

    async def _load_customers(self, view: MastersView, erp: str, keys: list[str]) -> None:
        links: dict[str, dict[str, str]] = {}  # channel -> its customer's id -> the key
        for key in keys:
            if (linked := linked_in(key)) is not None:
                links.setdefault(linked[0], {})[linked[1]] = key
        found: dict[str, list[CustomerMaster]] = {}
        for key, body in await self._world.store.load_customers(erp, [key for key in keys if linked_in(key) is None]):
            found.setdefault(key, []).append(_customer.decode(body))
        for channel, ids in links.items():
            for external_id, ref in (await self._world.store.links(channel, erp, sorted(ids))).items():
                found[ids[external_id]] = [CustomerMaster(ref)]
        view.known.update((key, tuple(known)) for key, known in found.items())

    async def _ask_listed(self, view: MastersView, erp: str, kinds: Iterable[str]) -> None:
        for kind in kinds:
            if (erp, kind) not in self._listed and (
                not self._polled(erp, kind) or await self._world.store.masters_listed(erp, kind)
            ):
                self._listed.add((erp, kind))
            (view.unlisted.discard if (erp, kind) in self._listed else view.unlisted.add)(kind)

    def _polled(self, erp: str, kind: str) -> bool:
        """Whether a poll brings these masters; where none does, there is no first round to wait for."""
        link = self._world.links.get(erp)
        return link is not None and any(poll.masters == kind for poll in link.connector.polls.values())

    def _fresh_view(self, erp: str) -> MastersView:
        view = self._views.get(erp)
        now = self._world.stopwatch()
        if view is None or now - view.as_of > REMEMBER_S or len(view.products) + len(view.known) > MOST:
            view = self._views[erp] = MastersView()
            view.as_of = now
        return view
