"""The portal's order to the canonical one. Pure; raises ``Untranslatable`` naming the field."""

import re
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from crossdock.connectors.portal import wire
from crossdock.domain.events import Event, OrderSeen, ReturnAsked
from crossdock.domain.money import ZERO, Amount, exponent, plausible
from crossdock.domain.order import Address, Charge, Discount, Order, OrderLine, Party, TaxLine, Totals
from crossdock.domain.refund import ReturnedLine
from crossdock.domain.returning import ReturnRequest
from crossdock.kit.manifest import Untranslatable

PLACED, RETURN = "order.placed", "return.requested"
_decode = msgspec.json.Decoder(wire.Order).decode
_decode_return = msgspec.json.Decoder(wire.Return).decode
_PLACE = re.compile(r" - at `\$\.?([^`]*)`")
_RETURN_HINT = "Compare the request with the schema at /partner/v1/openapi.json."
_HINT = "Compare the order with the schema at /partner/v1/order.schema.json."


def translate(connection: str, topic: str, body: bytes) -> list[Event]:
    """An order that was placed, or edited; goods that are to come back. Raises ``Untranslatable``."""
    if topic == RETURN:
        return [ReturnAsked(to_request(body), connection)]
    if topic != PLACED:
        raise Untranslatable(
            "portal.topic_unknown", f"A portal tells no {topic!r}.", hint=f"Known are {PLACED} and {RETURN}."
        )
    return [OrderSeen(to_order(connection, read(body)))]


def read(body: bytes) -> wire.Order:
    """The typed order; raises ``Untranslatable`` naming the field that is off."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _unreadable("order", error, _HINT) from error


def to_request(body: bytes) -> ReturnRequest:
    """The canonical request for a return; raises ``Untranslatable`` naming the field that is off."""
    try:
        source = _decode_return(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _unreadable("return", error, _RETURN_HINT) from error
    for index, line in enumerate(source.lines):
        _number(line.quantity, f"lines[{index}].quantity")
        if line.quantity == ZERO:
            raise _wrong(f"lines[{index}].quantity", "is 0: leave the line out.")
    ids = [line.id for line in source.lines]
    if len(set(ids)) < len(ids):
        raise _wrong("lines", "have an id twice.")
    return ReturnRequest(
        source.return_id, tuple(ReturnedLine(line.id, line.quantity, line.reason) for line in source.lines)
    )


def _unreadable(what: str, error: Exception, hint: str) -> Untranslatable:
    place = _PLACE.search(str(error))
    field = (place.group(1) or None) if place else None
    said = str(error).split(" - at `")[0]
    return Untranslatable(f"portal.{what}_unreadable", f"{field or f'The {what}'}: {said}", field, hint)


def to_order(connection: str, source: wire.Order) -> Order:
    """The canonical order; the sums that a portal does not tell are made of its parts, the total is its own."""
    _check(source)
    lines, charges = tuple(map(_line, source.lines)), tuple(map(_charge, source.charges))
    parts: tuple[wire.Line | wire.Charge, ...] = (*source.lines, *source.charges)
    ship_to, bill_to = _address(source.ship_to), _address(source.bill_to)
    place = ship_to or bill_to
    return Order(
        channel=connection,
        external_id=source.external_id,
        number=source.number or source.external_id,
        placed_at=_utc(source.placed_at, "placed_at"),
        updated_at=_utc(source.updated_at or source.placed_at, "updated_at"),
        currency=source.currency,
        totals=Totals(
            total=Amount(source.total),
            lines=Amount(sum((line.quantity * line.unit_price for line in source.lines), ZERO)),
            discounts=Amount(sum((part.discount for part in parts), ZERO)),
            tax=Amount(sum((part.tax for part in parts), ZERO)),
            charges=Amount(sum((charge.amount for charge in source.charges), ZERO)),
        ),
        lines=lines,
        tax_inclusive=source.tax_inclusive,
        charges=charges,
        payment_status=source.payment_status,
        customer=Party(**msgspec.structs.asdict(source.customer)) if source.customer else None,
        bill_to=bill_to,
        ship_to=ship_to,
        test=source.test,
        cancelled_at=_maybe(source.cancelled_at, "cancelled_at"),
        cancel_reason=source.cancel_reason,
        po_number=source.po_number,
        note=source.note,
        tags=source.tags,
        source="portal",
        region=place.country_code if place else None,
        ship_by=_maybe(source.ship_by, "ship_by"),
        deliver_by=_maybe(source.deliver_by, "deliver_by"),
    )


def _check(source: wire.Order) -> None:
    """What no schema can say: amounts of a size that trade has, in the currency's digits; ids once each."""
    _amount(source.total, source.currency, "total")
    for index, line in enumerate(source.lines):
        where = f"lines[{index}]"
        _number(line.quantity, f"{where}.quantity")
        _number(line.unit_price, f"{where}.unit_price")
        _amount(line.discount, source.currency, f"{where}.discount")
        _amount(line.tax, source.currency, f"{where}.tax")
        if line.quantity == ZERO:
            raise _wrong(f"{where}.quantity", "is 0: leave the line out.")
    for index, charge in enumerate(source.charges):
        for name in ("amount", "discount", "tax"):
            _amount(getattr(charge, name), source.currency, f"charges[{index}].{name}")
    ids = [line.id for line in source.lines]
    if len(set(ids)) < len(ids):
        raise _wrong("lines", "have an id twice.")


def _number(value: Decimal, field: str) -> None:
    if not plausible(value) or value < ZERO:
        raise _wrong(field, f"is {value}, which is no number that an order can have.")


def _amount(value: Decimal, currency: str, field: str) -> None:
    _number(value, field)
    if -int(value.normalize().as_tuple().exponent) > exponent(currency):
        raise _wrong(field, f"is {value}: {currency} has {exponent(currency)} decimals.")


def _wrong(field: str, what: str) -> Untranslatable:
    return Untranslatable("portal.order_wrong", f"{field} {what}", field, _HINT)


def _line(line: wire.Line) -> OrderLine:
    return OrderLine(
        id=line.id,
        title=line.title or line.sku,
        quantity=line.quantity,
        unit_price=Amount(line.unit_price),
        sku=line.sku,
        discounts=(Discount(Amount(line.discount)),) if line.discount else (),
        taxes=_taxes(line),
        requires_shipping=line.requires_shipping,
        unit=line.unit,
    )


def _charge(charge: wire.Charge) -> Charge:
    return Charge(
        kind=charge.kind,
        title=charge.title or charge.kind.value,
        amount=Amount(charge.amount),
        code=charge.code,
        discounts=(Discount(Amount(charge.discount)),) if charge.discount else (),
        taxes=_taxes(charge),
    )


def _taxes(part: wire.Line | wire.Charge) -> tuple[TaxLine, ...]:
    return (TaxLine(Amount(part.tax), part.tax_title, part.tax_rate),) if part.tax else ()


def _address(source: wire.Address | None) -> Address | None:
    return Address(**msgspec.structs.asdict(source)) if source else None


def _maybe(at: datetime | None, field: str) -> datetime | None:
    return None if at is None else _utc(at, field)


def _utc(at: datetime, field: str) -> datetime:
    if not 1970 <= at.year <= 9998:
        raise _wrong(field, f"is {at.isoformat()}: nothing was sold then.")
    return at.astimezone(UTC)
