"""The header of a sales order: who, where to, when. An address that the fields cannot hold is refused, not cut."""

from collections.abc import Mapping
from datetime import date, datetime, tzinfo
from typing import Any

from crossdock.connectors.businesscentral.client import is_guid
from crossdock.connectors.businesscentral.proof import Unbookable
from crossdock.domain.commands import BookOrder
from crossdock.domain.order import Address
from crossdock.domain.outcome import Rejected
from crossdock.domain.posting import zone

# Lengths of the fields (vendor facts, pitfall 6).
LINE1, LINE2 = 100, 50
_LENGTHS = {"Name": 100, "Contact": 100, "City": 30, "State": 30, "PostCode": 20, "Country": 10}

_CHANGES = ("sellTo", "shipTo", "phoneNumber", "email", "shipmentMethodId")
_EMPTIED = ("AddressLine1", "AddressLine2", "City", "State", "PostCode", "Country")


def header_of(
    command: BookOrder, settings: Mapping[str, Any], key: str, currency: str, *, inclusive: bool
) -> dict[str, Any]:
    """The header's JSON body. Currency and price mode come after the customer, whose own would overwrite them."""
    order = command.order
    customer = "customerId" if is_guid(command.customer_ref) else "customerNumber"
    header: dict[str, Any] = {"externalDocumentNumber": key, customer: command.customer_ref}
    if currency != settings.get("local_currency"):  # the local currency is never named (vendor facts, pitfall 7)
        header["currencyCode"] = currency
    header["pricesIncludeTax"] = inclusive
    header["orderDate"] = local_date(order.placed_at, settings)
    if order.bill_to or order.ship_to:
        header |= _address(order.bill_to or order.ship_to or Address(), "sellTo", "bill_to")
    if order.ship_to:
        header |= _address(order.ship_to, "shipTo", "ship_to")
    contact = order.customer
    phone = (contact.phone if contact else None) or (order.ship_to.phone if order.ship_to else None)
    if phone and len(phone) <= 30:
        header["phoneNumber"] = phone
    if contact and contact.email and len(contact.email) <= 80:
        header["email"] = contact.email
    method = (settings.get("ship_methods") or {}).get(command.ship_method or "")
    if method:
        header["shipmentMethodId"] = str(method)
    return header | dict(settings.get("header") or {})


def header_amended(command: BookOrder, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What an amendment may change of the header: addresses and contacts, with what is no longer told made empty.

    Customer, currency and price mode stay: changing them on an order with lines makes Business Central price anew.
    """
    whole = header_of(command, settings, "", str(settings.get("local_currency")), inclusive=False)
    kept = {name: value for name, value in whole.items() if name.startswith(_CHANGES)}
    parties = [party for party in ("sellTo", "shipTo") if any(name.startswith(party) for name in kept)]
    emptied = {f"{party}{name}": "" for party in parties for name in _EMPTIED}
    return emptied | ({"shipToContact": ""} if "shipTo" in parties else {}) | kept


def _address(address: Address, party: str, field: str) -> dict[str, Any]:
    line1, line2 = _lines(address, field)
    fields = {
        "Name": address.company or address.name,
        "Contact": address.name if address.company else None,
        "AddressLine1": line1,
        "AddressLine2": line2,
        "City": address.city,
        "State": address.region_code or address.region,
        "PostCode": address.postal_code,
        "Country": address.country_code,
    }
    if party == "sellTo":  # the customer's own name stays
        del fields["Name"], fields["Contact"]
    for name, most in _LENGTHS.items():
        if len(fields.get(name) or "") > most:
            raise _too_long(f"{field}.{name.lower()}", most)
    return {f"{party}{name}": value for name, value in fields.items() if value}


def _lines(address: Address, field: str) -> tuple[str, str]:
    """Two lines of 100 and 50 characters, divided between words where the channel's own are longer."""
    line1, line2 = address.line1 or "", address.line2 or ""
    if len(line1) <= LINE1 and len(line2) <= LINE2:
        return line1, line2
    words = f"{line1} {line2}".split()
    first: list[str] = []
    while words and len(" ".join([*first, words[0]])) <= LINE1:
        first.append(words.pop(0))
    rest = " ".join(words)
    if not first or len(rest) > LINE2:
        raise _too_long(f"{field}.line1", LINE1 + LINE2)
    return " ".join(first), rest


def _too_long(field: str, most: int) -> Unbookable:
    detail = f"{field} is longer than the {most} characters that Business Central keeps"
    return Unbookable(Rejected("text_too_long", detail, field, "Shorten it in the channel, then retry."))


def local_date(instant: datetime, settings: Mapping[str, Any]) -> str:
    """The company's calendar day of an instant."""
    return posting_date(instant, None, settings).isoformat()


def posting_date(at: datetime, moved: date | None, settings: Mapping[str, Any]) -> date:
    """Its own day, or the first of open books, where they are closed on its own."""
    own = at.astimezone(company_zone(settings)).date()
    return own if moved is None else max(own, moved)


def company_zone(settings: Mapping[str, Any]) -> tzinfo:
    return zone(str(settings.get("time_zone", "UTC")))
