"""What lies on the shelves of the account's warehouses, and what its open orders have taken of it.

An order takes what is there when it comes, of the first warehouse; what is not there is on backorder until goods come.
"""

from collections.abc import Callable, Iterable
from typing import Any

from crossdock.simulators.shiphero.views import WAREHOUSE_ID
from crossdock.simulators.shiphero.warehouse import Order

Place = tuple[str, str]  # warehouse, SKU


class Shelves:
    """``orders``: the account's; ``changed`` is told of each SKU whose number moved; ``back``: units restocked."""

    def __init__(
        self, orders: Callable[[], Iterable[Order]], changed: Callable[[str], None], back: Callable[[str], int]
    ) -> None:
        self._orders, self._changed, self._back = orders, changed, back
        self._counted: dict[Place, int] = {}  # less what has left since
        self._left: dict[str, int] = {}  # of each SKU, when it was counted

    def count(self, sku: str, quantity: int, warehouse: str = WAREHOUSE_ID) -> None:
        """Somebody has counted: so many are there now."""
        if warehouse == WAREHOUSE_ID:
            self._left[sku] = self._gone(sku)
        self._counted[warehouse, sku] = quantity
        self._changed(sku)

    def knows(self, sku: str) -> bool:
        return any(counted == sku for _, counted in self._counted)

    def products(self, sku: str | None, warehouse: str | None) -> list[dict[str, Any]]:
        """As ``warehouse_products`` shows them."""
        wanted = [place for place in sorted(self._counted) if sku in (None, place[1]) and warehouse in (None, place[0])]
        return [self._product(*place) for place in wanted]

    def _product(self, warehouse: str, sku: str) -> dict[str, Any]:
        first = warehouse == WAREHOUSE_ID
        on_hand = self._counted[warehouse, sku] - (self._gone(sku) - self._left[sku] if first else 0)
        asked = self._asked(sku) if first else 0
        allocated = min(on_hand, asked)
        return {
            "sku": sku,
            "warehouse_id": warehouse,
            "on_hand": on_hand,
            "available": on_hand - allocated,
            "backorder": asked - allocated,
        }

    def _gone(self, sku: str) -> int:
        left = sum(line.shipped for order in self._orders() for line in order.lines if line.sku == sku)
        return left - self._back(sku)

    def _asked(self, sku: str) -> int:
        lines = (line for order in self._orders() if order.open for line in order.lines if line.sku == sku)
        return sum(line.quantity - line.shipped for line in lines)
