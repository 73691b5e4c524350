"""Where orders are sent, in the vendors' own words: the shop's address against what the ERP and the warehouse have."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from crossdock.proof.exchanges import whole_of
from crossdock.proof.plan import SHOP

if TYPE_CHECKING:
    from crossdock.proof.evidence import Evidence

# Whom, two lines of a street, city, postcode and country; each vendor has its own names for them.
Place = tuple[str, ...]


def sent_elsewhere(evidence: "Evidence") -> list[tuple[str, str]]:
    """I2: orders of which the ERP or the warehouse has another address than the shop, and no person is told.

    Of time that was lost nothing is asked: what was booked in it is found again, and that it was for the address before
    an edit is then known to nobody."""
    problems = {whole_of(key) for key, codes in evidence.open_problems().items() if codes}
    wanted = dict(_shown(evidence))
    return [
        (key, f"the {who} has it for {there}, the shop for {wanted[whole]}")
        for who, key, there in (*_booked(evidence), *_released(evidence))
        if (whole := whole_of(key)) in wanted and whole not in problems and there != wanted[whole]
        if not evidence.lived_in_lost_time(key)
    ]


def _shown(evidence: "Evidence") -> Iterator[tuple[str, Place]]:
    """Of orders that the shop goes on selling and sends somewhere."""
    for number, order in evidence.vendors.shop.books_.orders.items():
        given = order["shipping_address"]
        if given is not None and not (order["test"] or order["cancelled_at"]):
            yield f"{SHOP}-{number}", _place(given, "name", "address1", "address2", "city", "zip", "country_code")


def _booked(evidence: "Evidence") -> Iterator[tuple[str, str, Place]]:
    for document in evidence.vendors.erp.ledger.of("salesOrder"):
        given = document.header.get("shippingAddress") or {}
        whom = {
            "whom": given.get("attention") or given.get("addressee"),
            "where": (given.get("country") or {}).get("id"),
        }
        yield "ERP", str(document.external_id), _place(given | whom, "whom", "addr1", "addr2", "city", "zip", "where")


def _released(evidence: "Evidence") -> Iterator[tuple[str, str, Place]]:
    for order in evidence.vendors.warehouse.warehouse.orders.values():
        given = order.given.get("shipping_address") or {}
        whom = {"whom": f"{given.get('first_name', '')} {given.get('last_name', '')}".strip()}
        yield (
            "warehouse",
            str(order.partner),
            _place(given | whom, "whom", "address1", "address2", "city", "zip", "country"),
        )


def _place(given: Mapping[str, Any], *names: str) -> Place:
    return tuple(str(given.get(name) or "") for name in names)
