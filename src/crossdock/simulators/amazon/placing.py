"""Makes orders as buyers place them: varied, in the seller's marketplaces, exact to the minor unit."""

from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple

from crossdock.simulators.amazon.books import Item, Order
from crossdock.simulators.amazon.marketplaces import MARKETPLACES, Marketplace

PRODUCTS = 200
_PEOPLE = {
    "US": ("Rosa Delgado", "1440 Alder Ave", "Portland", "OR", "97205"),
    "GB": ("Noor Haddad", "12 Quay Street", "Bristol", "", "BS1 4QA"),
    "DE": ("Ada Brandt", "Lindenweg 4", "Köln", "", "50674"),
    "JP": ("Mika Tanaka", "3-2-1 Kanda", "Chiyoda-ku", "Tokyo", "101-0047"),
}
_LEVELS = ("STANDARD", "EXPEDITED", "NEXT_DAY")
_PROMISED = {"STANDARD": (2, 7), "EXPEDITED": (1, 4), "NEXT_DAY": (1, 2)}  # days until it leaves, and arrives


class Wish(NamedTuple):
    """What one order shall be like; ``None`` leaves it to chance."""

    lines: int | None = None
    skus: tuple[str, ...] = ()
    quantity: int | None = None
    marketplace: str = "US"  # by country
    tax: str | None = None  # on_top, included, withheld; None: as usual in the marketplace
    discount: bool | None = None
    shipping: bool | None = None
    gift_wrap: bool | None = None
    tip: int = 0
    company: bool = False
    afn: bool = False
    pending: bool = False  # stays so until ``authorize``
    replaces: str | None = None
    cash_on_delivery: bool = False


def sku_price(index: int) -> int:
    """Minor units of SKU number ``index`` (1 to 200): 5.00 + index * 0.37, as in every simulated system."""
    return 500 + 37 * index


def place(random: Random, order_id: str, now: datetime, wish: Wish) -> Order:
    """A new order, still pending."""
    place_ = MARKETPLACES[wish.marketplace]
    items = _items(random, order_id, wish)
    address, buyer = _person(random, place_, wish.company)
    order = Order(
        id=order_id,
        marketplace=place_,
        created_at=now,
        updated_at=now,
        items=items,
        address=address,
        buyer=buyer,
        service_level=random.choice(_LEVELS),
        afn=wish.afn,
        tax=wish.tax or place_.tax,
        tip=wish.tip,
        programs=["AMAZON_BUSINESS"] if wish.company else [],
        replaces=wish.replaces,
        cash_on_delivery=wish.cash_on_delivery,
    )
    ships, arrives = _PROMISED[order.service_level]
    order.ship_by, order.deliver_by = now + timedelta(days=ships), now + timedelta(days=arrives)
    if wish.replaces:
        for item in order.items:
            item.unit = item.discount = item.shipping = item.shipping_discount = item.gift_wrap = 0
    return order


def _items(random: Random, order_id: str, wish: Wish) -> list[Item]:
    count = wish.lines or random.choice((1, 1, 2, 3))
    skus = wish.skus or tuple(f"SKU-{index:04d}" for index in random.sample(range(1, PRODUCTS + 1), count))
    ships = _yes(random, wish.shipping, 0.6)
    free = ships and random.random() < 0.2
    items = []
    for position, sku in enumerate(skus, 1):
        index = int(sku.rpartition("-")[2]) if sku.startswith("SKU-") else 1
        quantity = wish.quantity or random.choice((1, 1, 2, 3))
        item = Item(f"{order_id[4:11]}{position:07d}", sku, f"Product {index}", quantity, sku_price(index))
        if _yes(random, wish.discount, 0.3):
            item.discount = (item.unit * quantity * random.choice((5, 10, 15)) + 50) // 100
            item.promotion = f"PROMO-{index:04d}"
        if ships:
            item.shipping = random.choice((299, 490, 650))
            item.shipping_discount = item.shipping if free else 0
        if _yes(random, wish.gift_wrap, 0.15):
            item.gift_wrap, item.gift_message = 399, f"All the best, number {position}"
        items.append(item)
    return items


def _yes(random: Random, wished: bool | None, share: float) -> bool:
    return wished if wished is not None else random.random() < share


def _person(random: Random, place_: Marketplace, company: bool) -> tuple[dict[str, str], dict[str, str]]:
    name, street, city, state, postcode = _PEOPLE[place_.country]
    number = random.randrange(1, 10_000)
    address = {
        "name": name,
        "companyName": "Harbour Supplies" if company else "",
        "addressLine1": street,
        "addressLine2": f"Unit {number}" if number % 4 == 0 else "",
        "city": city,
        "stateOrRegion": state,
        "postalCode": postcode,
        "countryCode": place_.country,
        "phone": f"+1 555-{number:04d}",
        "addressType": "COMMERCIAL" if company else "RESIDENTIAL",
    }
    buyer = {"buyerName": name, "buyerEmail": f"a{number:04d}x@marketplace.amazon.example"}
    if company:
        buyer |= {"buyerCompanyName": "Harbour Supplies", "buyerPurchaseOrderNumber": f"PO-{number}"}
    return address, buyer
