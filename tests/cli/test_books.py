"""The demo's reconciliation finds what it is for: two, none, a cent off, a shipment untold."""

from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any

import pytest

from crossdock.demo.books import reconcile
from crossdock.demo.pairs import PAIRED
from crossdock.demo.plan import PAIRS
from crossdock.demo.vendors import OPEN

LINE = {"id": "1", "sku": "A", "quantity": 2, "ships": True}
SHIPPED = {"lines": [{"id": "1", "sku": "A", "quantity": 2}]}
POSTED = {"lines": [{"item": "1001", "quantity": "2"}, {"item": "2001", "quantity": "1"}]}  # with a charge
ORDER = {
    "id": "7", "name": "#7", "total": "10.00", "currency": "EUR", "test": False, "cancelled": False,
    "lines": [LINE], "fulfillments": [SHIPPED],
}  # fmt: skip
BOOKS: dict[str, Any] = {
    "shop": {"orders": [ORDER], "repeated_tracking": [], "fulfillments": 1},
    "erp": {
        "items": {"1001": "A", "1002": "B"},
        "sales_orders": [{"external_id": "shop-7", "total": "10.00", "currency": "EUR", **POSTED}],
        "invoices": [{"order_external_id": "shop-7", "total": "10.0", "currency": "EUR"}],
        "fulfilments": [{"order_external_id": "shop-7", **POSTED}],
    },
    "warehouse": {"orders": [{"partner_order_id": "shop-7", "shipments": [SHIPPED]}]},
}


def shipped(books: dict[str, Any]) -> dict[str, Any]:
    """The warehouse's one shipment."""
    found: dict[str, Any] = books["warehouse"]["orders"][0]["shipments"][0]
    return found


def two(*skus: str) -> list[dict[str, Any]]:
    return [{"id": "1", "sku": sku} for sku in skus]


def judged(
    change: Callable[[dict[str, Any]], object],
    exceptions: dict[str, list[str]] | None = None,
    excused: tuple[str, ...] = (),
) -> list[str]:
    books = deepcopy(BOOKS)
    change(books)
    found = reconcile(books["shop"], books["erp"], books["warehouse"], exceptions or {}, excused)
    assert found.balances == (not found.wrong)
    assert found.waiting == (exceptions or {})
    return found.wrong


def test_what_is_right_balances() -> None:
    assert judged(lambda books: None) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda b: b["erp"]["sales_orders"].append(b["erp"]["sales_orders"][0]), "2 orders in the ERP"),
        (lambda b: b["erp"]["sales_orders"].clear(), "neither in the ERP nor an exception"),
        (lambda b: b["erp"]["sales_orders"][0].update(total="10.01"), "booked 10.01 EUR, sold for 10.00"),
        (lambda b: b["erp"]["sales_orders"][0].update(external_id="shop-8"), "the shop does not have"),
        (lambda b: b["erp"]["invoices"].append(b["erp"]["invoices"][0]), "invoiced 20.0 in 2 invoices"),
        (lambda b: b["erp"]["fulfilments"].clear(), "1 shipments, 0 posted"),
        (lambda b: b["shop"]["orders"][0]["fulfillments"].clear(), "shows 0 of 2 items"),
        (lambda b: b["warehouse"]["orders"][0]["shipments"].clear(), "0 of 2 items shipped"),
        (lambda b: b["shop"]["orders"][0].update(test=True), "a test order was booked"),
        (lambda b: b["erp"]["sales_orders"][0]["lines"][0].update(item="1002"), "booked 2 x B instead of 2 x A"),
        (lambda b: b["erp"]["sales_orders"][0]["lines"][0].update(quantity="3"), "booked 3 x A instead of 2 x A"),
        (lambda b: b["erp"]["sales_orders"][0]["lines"].clear(), "booked nothing instead of 2 x A"),
        (
            lambda b: b["erp"]["fulfilments"][0]["lines"][0].update(item="1002"),
            "posted in the ERP 2 x B instead of 2 x A",
        ),
        (lambda b: shipped(b)["lines"][0].update(sku="B"), "shipped 2 x B instead of 2 x A"),
        (
            lambda b: shipped(b).update(lines=[dict(one, quantity=1) for one in two("A", "B")]),
            "shipped 1 x A, 1 x B instead",
        ),
        (
            lambda b: b["shop"]["orders"][0].update(lines=[LINE, dict(LINE, id="2", sku="B")]),
            "booked 2 x A instead of 2 x A, 2",
        ),
    ],
)
def test_what_is_wrong_is_named(change: Callable[[dict[str, Any]], object], said: str) -> None:
    books = deepcopy(BOOKS)
    change(books)
    found = reconcile(books["shop"], books["erp"], books["warehouse"], {})
    assert not found.balances
    assert any(said in line for line in found.wrong), found.wrong


def test_a_swapped_item_is_found_where_every_sum_is_right() -> None:
    """As many pieces as were sold, of another item."""
    books = deepcopy(BOOKS)
    other = {**deepcopy(ORDER), "id": "8", "name": "#8", "lines": [{**LINE, "sku": "B"}]}
    books["shop"]["orders"].append(other)
    for name, key in (
        ("sales_orders", "external_id"),
        ("invoices", "order_external_id"),
        ("fulfilments", "order_external_id"),
    ):
        (one,) = books["erp"][name]
        books["erp"][name] = [one, {**deepcopy(one), key: "shop-8"}]
    release = {"partner_order_id": "shop-8", "shipments": [deepcopy(SHIPPED)]}
    books["warehouse"]["orders"].append(release)
    found = reconcile(books["shop"], books["erp"], books["warehouse"], {})
    assert all(account.balances for account in found.accounts)
    assert found.wrong == [
        "#8 (shop-8): booked 2 x A instead of 2 x B",
        "#8 (shop-8): shipped 2 x A instead of 2 x B",
    ]


def test_a_gift_card_and_a_tip_are_no_goods() -> None:
    more = [dict(LINE, id="2", sku="CARD", ships=False, gift_card=True), dict(LINE, id="3", sku=None, ships=False)]
    assert judged(lambda b: b["shop"]["orders"][0].update(lines=[LINE, *more])) == []


def unbooked(books: dict[str, Any]) -> None:
    books["erp"].update(sales_orders=[], invoices=[], fulfilments=[])


def test_an_exception_stands_for_an_excused_order_that_was_not_booked() -> None:
    assert judged(unbooked, {"shop-7": ["No SKU"]}, excused=("shop-7",)) == []


@pytest.mark.parametrize("change", [unbooked, lambda books: None])
def test_an_exception_of_any_other_order_is_wrong_and_named(change: Callable[[dict[str, Any]], object]) -> None:
    assert judged(change, {"shop-7": ["No SKU", "No price"]}, excused=("shop-8",)) == [
        "#7 (shop-7): with a person: No SKU; No price"
    ]


def test_an_exception_of_no_order_is_wrong_too() -> None:
    assert judged(lambda books: None, {"shop:mailbox": ["What is this"]}) == [
        "shop:mailbox: with a person: What is this"
    ]


SOLD = {**ORDER, "id": "111-1-2"}
GOODS = {"kind": "Item", "number": "A", "quantity": "2"}
FREIGHT = {"kind": "Account", "number": "40000", "quantity": "1"}


def of(named_by: str, /, **rest: Any) -> dict[str, Any]:
    return {"external": "SHOP-111-1-2", named_by: "SO-1", "currency": "EUR", "total": "10.00", **rest}


def seller() -> dict[str, Any]:
    known = {name: value for name, value in SOLD.items() if name != "test"}
    return {"orders": [known], "packages": 1, "repeated_tracking": []}


def company(**changes: Any) -> dict[str, Any]:
    """Posted whole: the order is no order any more."""
    goods, freight = of("order", lines=[GOODS]), of("order", lines=[FREIGHT])
    return {"orders": [], "shipments": [goods, freight], "invoices": [of("order")], **changes}


def paired(erp: dict[str, Any]) -> list[str]:
    pair = PAIRED["amazon-businesscentral"]
    warehouse = {"orders": [{"partner_order_id": "shop-111-1-2", "shipments": [SHIPPED]}]}
    found = reconcile(pair.shop_books(seller()), pair.erp_books(erp), warehouse, {})
    assert found.balances == (not found.wrong)
    return found.wrong


@pytest.mark.parametrize(
    "erp",
    [
        company(),
        company(invoices=[of("order", total="4.00"), of("order", total="6.00")]),
        company(orders=[of("number", lines=[GOODS, FREIGHT])], invoices=[of("order", total="10.00")]),
    ],
)
def test_the_other_pairs_books_balance_too(erp: dict[str, Any]) -> None:
    assert paired(erp) == []


@pytest.mark.parametrize(
    ("erp", "said"),
    [
        (company(orders=[of("number", number="SO-2", lines=[GOODS])]), "2 orders in the ERP"),
        (company(invoices=[of("order", total="9.99")]), "booked 9.99 EUR, sold for 10.00"),
        (company(invoices=[], orders=[of("number", lines=[GOODS])]), "invoiced 0 in 0 invoices"),
        (company(shipments=[of("order", lines=[FREIGHT])]), "1 shipments, 0 posted"),
        (company(invoices=[], shipments=[]), "neither in the ERP nor an exception"),
        (company(shipments=[of("order", lines=[dict(GOODS, number="B")])]), "booked 2 x B instead of 2 x A"),
        (company(orders=[of("number", lines=[dict(GOODS, number="B")])]), "booked 2 x B instead of 2 x A"),
        (company(orders=[of("number", external="SHOP-9", number="SO-9", lines=[GOODS])]), "the shop does not have"),
    ],
)
def test_what_is_wrong_there_is_named_too(erp: dict[str, Any], said: str) -> None:
    assert any(said in line for line in paired(erp))


def test_each_pair_has_its_systems_and_accounts_for_the_same_connections() -> None:
    assert tuple(PAIRED) == PAIRS
    for pair in PAIRED.values():
        assert set(pair.systems) == set(pair.quotas) == set(pair.accounts(Random(1)))
        assert set(pair.systems.values()) <= set(OPEN)
