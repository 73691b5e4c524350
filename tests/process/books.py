"""What the vendors' own books must show of an order that went all the way, whatever happened on the way."""

from collections import Counter
from decimal import Decimal
from typing import Any

from tests.process.house import SHOP, House


def sold(house: House, order_id: str) -> dict[str, Any]:
    """The shop's entry of an order."""
    return next(one for one in house.shop.books()["orders"] if one["id"] == order_id)


def booked(house: House, order_id: str) -> list[dict[str, Any]]:
    """The ERP's sales orders of an order."""
    return [one for one in house.erp.books()["sales_orders"] if one["external_id"] == f"{SHOP}-{order_id}"]


def posted(house: House, order_id: str) -> list[dict[str, Any]]:
    """The ERP's item fulfilments of an order."""
    return [one for one in house.erp.books()["fulfilments"] if one["order_external_id"] == f"{SHOP}-{order_id}"]


def invoiced(house: House, order_id: str) -> list[dict[str, Any]]:
    """The ERP's invoices of an order."""
    return [one for one in house.erp.books()["invoices"] if one["order_external_id"] == f"{SHOP}-{order_id}"]


def released(house: House, order_id: str) -> list[dict[str, Any]]:
    """The warehouse's orders of an order."""
    return [one for one in house.warehouse.books()["orders"] if one["partner_order_id"] == f"{SHOP}-{order_id}"]


def ship_quantities(house: House, order_id: str) -> Counter[str]:
    """What is to leave: line id -> quantity."""
    return Counter({line["id"]: line["quantity"] for line in sold(house, order_id)["lines"] if line["ships"]})


def assert_whole(house: House, order_id: str) -> None:
    """One sales order of equal total, everything shipped once, told once, posted once and billed to the cent."""
    entry = sold(house, order_id)
    total = Decimal(entry["total"])
    orders = booked(house, order_id)
    assert [(Decimal(one["total"]), one["currency"]) for one in orders] == [(total, entry["currency"])]
    to_ship = ship_quantities(house, order_id)
    if to_ship:
        _assert_shipped(house, order_id, to_ship)
    assert [Decimal(one["total"]) for one in invoiced(house, order_id)] == [total], orders
    assert orders[0]["status"] == "Billed"


def _assert_shipped(house: House, order_id: str, to_ship: Counter[str]) -> None:
    (release,) = released(house, order_id)
    assert _quantities(release["shipments"], "line_id") == to_ship
    assert _quantities(sold(house, order_id)["fulfillments"], "id") == to_ship
    assert sold(house, order_id)["fulfillment_status"] == "fulfilled"
    assert len(posted(house, order_id)) == len(release["shipments"])
    in_erp = sum((Decimal(line["quantity"]) for one in posted(house, order_id) for line in one["lines"]), Decimal(0))
    assert in_erp == sum(to_ship.values())
    assert _numbers(sold(house, order_id)["fulfillments"], "tracking") == _numbers(
        release["shipments"], "tracking_numbers"
    )


def _quantities(documents: list[dict[str, Any]], name: str) -> Counter[str]:
    sums: Counter[str] = Counter()
    for document in documents:
        for line in document["lines"]:
            sums[line[name]] += line["quantity"]
    return sums


def _numbers(documents: list[dict[str, Any]], name: str) -> set[str]:
    return {number for document in documents for number in document[name]}


def assert_untouched(house: House, order_id: str) -> None:
    """Nothing of the order is anywhere but in the shop."""
    assert not booked(house, order_id)
    assert not released(house, order_id)
    assert not invoiced(house, order_id)
    assert not sold(house, order_id)["fulfillments"]


def assert_nothing_twice(house: House) -> None:
    """No vendor holds anything twice."""
    assert house.erp.books()["duplicates"] == {"external_id": 0, "other_ref": 0}
    assert house.warehouse.books()["repeated"] == []
    assert house.shop.books()["repeated_tracking"] == []


def all_books(house: House) -> dict[str, Any]:
    """The books, without counters of calls."""
    shop, warehouse = house.shop.books(), house.warehouse.books()
    return {
        "shop": shop["orders"],
        "erp": house.erp.books(),
        "warehouse": warehouse["orders"],
    }
