"""The ERP's masters for a batch: found ones are remembered for a while, missing ones asked for every time."""

from collections.abc import Iterable, Mapping

import msgspec

from crossdock.domain.decision import CustomerMaster, Masters, ProductMaster
from crossdock.engine.verdict import Work
from crossdock.engine.world import World

REMEMBER_S = 30.0
MOST = 50_000

_product: msgspec.json.Decoder[ProductMaster] = msgspec.json.Decoder(ProductMaster)
_customer: msgspec.json.Decoder[CustomerMaster] = msgspec.json.Decoder(CustomerMaster)


class MastersView:
    """Pure look-ups in what one connection's masters are known to be."""

    def __init__(self) -> None:
        self.products: dict[str, ProductMaster] = {}
        self.customers: dict[str, CustomerMaster] = {}
        self.as_of = 0.0

    def product(self, sku: str) -> ProductMaster | None:
        return self.products.get(sku)

    def customer(self, email: str) -> CustomerMaster | None:
        return self.customers.get(email)


class MasterCache:
    """One per decide process."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._views: dict[str, MastersView] = {}

    async def gather(self, work: Iterable[Work]) -> Mapping[str, Masters]:
        """Make sure that all masters these streams will look up are known as far as the store knows them."""
        skus: dict[str, set[str]] = {}
        emails: dict[str, set[str]] = {}
        for item in work:
            for channel, (need_skus, need_emails) in item.masters_needed.items():
                policy = self._world.policies.get(channel)
                if policy is not None:
                    skus.setdefault(policy.erp, set()).update(need_skus)
                    emails.setdefault(policy.erp, set()).update(need_emails)
        for erp in skus:
            await self._complete(erp, skus[erp], emails[erp])
        return self._views

    async def _complete(self, erp: str, skus: set[str], emails: set[str]) -> None:
        view = self._fresh_view(erp)
        store = self._world.store
        if missing := sorted(skus - view.products.keys()):
            found = await store.load_masters(erp, "product", missing)
            view.products.update((key, _product.decode(body)) for key, body in found.items())
        if missing := sorted(emails - view.customers.keys()):
            found = await store.load_masters(erp, "customer", missing)
            view.customers.update((key, _customer.decode(body)) for key, body in found.items())

    def _fresh_view(self, erp: str) -> MastersView:
        view = self._views.get(erp)
        now = self._world.stopwatch()
        if view is None or now - view.as_of > REMEMBER_S or len(view.products) + len(view.customers) > MOST:
            view = self._views[erp] = MastersView()
            view.as_of = now
        return view
