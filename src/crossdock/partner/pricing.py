"""``POST /partner/v1/price-check``: what the ERP asked for items when its prices were last read. No system is called.

A price is *known* where the list that holds for the buyer is known and has it; *stale* where it was read too long ago,
and then told with its age; *unknown*, with the reason, in every other case. A guess would be taken for an offer.
"""

from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

from crossdock.domain.decision import CustomerMaster, ProductMaster
from crossdock.domain.matching import mail
from crossdock.domain.money import ZERO, plausible
from crossdock.domain.pricing import (
    Price,
    PriceMaster,
    TermsMaster,
    UnitError,
    as_agreed,
    currencies,
    priced_in,
    quote,
)
from crossdock.partner.asking import MOST_SKUS, Read, Source, kept, policy_of, source_of
from crossdock.partner.counter import Asking, Counter, counter_of
from crossdock.partner.problems import Refusal
from crossdock.store.reading import statements


class PriceLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``unit``: one of the item's; left out: the one that its prices are for."""

    sku: str
    quantity: Decimal = Decimal(1)
    unit: str = ""


class PriceQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``email`` or ``customer_ref`` (the ERP's id) names who is to buy; without either: what holds for anybody."""

    lines: list[PriceLine]
    email: str | None = None
    customer_ref: str | None = None
    currency: str | None = None


class PriceAnswer(msgspec.Struct, frozen=True):
    """What one ``unit`` costs. ``holds_for``: this customer, or anybody: what was agreed with the customer is then not
    known. ``stale``: it was read longer ago than ``stale_after_s``."""

    sku: str
    price: Literal["known", "stale", "unknown"]
    unit_price: Decimal | None = None
    currency: str | None = None
    unit: str = ""
    holds_for: Literal["customer", "anybody"] | None = None
    list: str | None = None
    includes_tax: bool | None = None
    as_of: datetime | None = None
    why: str | None = None


class PriceAnswers(msgspec.Struct, frozen=True):
    lines: list[PriceAnswer]
    source: Source
    stale_after_s: float


class _Buyer(msgspec.Struct, frozen=True):
    """Who is to buy, as far as prices hang on it. ``why``: nothing can be told, for this reason."""

    named: bool = False
    currency: str | None = None
    terms: TermsMaster | None = None
    terms_as_of: datetime | None = None
    why: str | None = None


class _Books(msgspec.Struct, frozen=True):
    """What one question is answered from."""

    erp: str
    buyer: _Buyer
    currency: str | None
    now: datetime
    fresh_s: float


async def check(request: Asking, asked: PriceQuestion) -> PriceAnswers:
    """What each line costs, as far as it is known. Raises ``Refusal``."""
    counter = counter_of(request)
    erp = policy_of(request, counter).erp
    _sound(asked)
    source = await source_of(counter, erp, "price")
    skus = [line.sku for line in asked.lines]
    priced, products = dict(await kept(counter, erp, "price", skus)), dict(await kept(counter, erp, "product", skus))
    buyer = await _buyer(counter, erp, asked)
    now: datetime = await counter.pool.fetchval(statements("partner").now)
    books = _Books(erp, buyer, asked.currency or buyer.currency, now, counter.fresh_s)
    lines = [_answer(books, line, priced.get(line.sku), products.get(line.sku)) for line in asked.lines]
    return PriceAnswers(lines, source, counter.fresh_s)


def _sound(asked: PriceQuestion) -> None:
    if not 1 <= len(asked.lines) <= MOST_SKUS:
        raise Refusal("request_refused", f"Ask for 1 to {MOST_SKUS} lines.")
    if asked.email is not None and asked.customer_ref is not None:
        raise Refusal("request_refused", "Name the customer by 'email' or by 'customer_ref', not by both.")
    named = asked.customer_ref if asked.customer_ref is not None else asked.email
    if named is not None and not 1 <= len(named.strip()) <= 300:
        raise Refusal("request_refused", "The customer's name is empty or too long.")
    for index, line in enumerate(asked.lines):
        if not 1 <= len(line.sku) <= 200 or len(line.unit) > 200:
            raise Refusal("request_refused", f"lines[{index}]: a SKU has 1 to 200 characters, a unit at most 200.")
        if not plausible(line.quantity) or line.quantity <= ZERO:
            raise Refusal("request_refused", f"lines[{index}].quantity is no number that an order can have.")


async def _buyer(counter: Counter, erp: str, asked: PriceQuestion) -> _Buyer:
    if asked.email is None and asked.customer_ref is None:
        return _Buyer()
    key = f"REF:{asked.customer_ref.strip()}" if asked.customer_ref is not None else mail(asked.email)
    rows = [
        msgspec.json.decode(read.body, type=CustomerMaster) for _, read in await kept(counter, erp, "customer", [key])
    ]
    known = {one.ref: one for one in rows if one.active}
    if len(known) != 1:
        why = f"{erp} had no such active customer when it was last read."
        return _Buyer(named=True, why=f"{len(known)} customers of {erp} go by that." if known else why)
    (found,) = known.values()
    terms = dict(await kept(counter, erp, "terms", [found.ref])).get(found.ref)
    if terms is None:
        return _Buyer(named=True, currency=found.currency)
    decoded = msgspec.json.decode(terms.body, type=TermsMaster)
    return _Buyer(named=True, currency=found.currency, terms=decoded, terms_as_of=terms.as_of)


def _answer(books: _Books, line: PriceLine, priced: Read | None, product: Read | None) -> PriceAnswer:
    if books.buyer.why is not None:
        return PriceAnswer(line.sku, "unknown", why=books.buyer.why)
    if product is not None and not msgspec.json.decode(product.body, type=ProductMaster).active:
        return PriceAnswer(line.sku, "unknown", why=f"It is inactive in {books.erp}.")
    if priced is None:
        why = f"No price of it was read from {books.erp}. Prices are read where the connection says `read_prices`."
        return PriceAnswer(line.sku, "unknown", why=why)
    master = msgspec.json.decode(priced.body, type=PriceMaster)
    holds = _holding(books, master)
    if isinstance(holds, PriceAnswer):
        return holds
    try:
        return _priced(books, line, *holds, priced.as_of)
    except UnitError as error:
        return PriceAnswer(line.sku, "unknown", why=f"{error}.")


def _holding(books: _Books, master: PriceMaster) -> tuple[PriceMaster, str] | PriceAnswer:
    """The item, and which of its lists holds for the buyer; or why that is not known."""
    terms = books.buyer.terms
    if not books.buyer.named or not master.base_list:
        return master, master.base_list
    if terms is None:
        why = f"It was not read yet from {books.erp} which price list the customer buys by."
        return PriceAnswer(master.sku, "unknown", why=why)
    agreed = as_agreed(master, terms)
    if agreed is None:
        why = f"The customer has a price of their own for it in {books.erp}, whose amount is not read."
        return PriceAnswer(master.sku, "unknown", why=why)
    return agreed


def _priced(books: _Books, line: PriceLine, master: PriceMaster, listed: str, as_of: datetime) -> PriceAnswer:
    """Raises ``UnitError`` for a unit that the item does not have."""
    there = currencies(master, [listed])
    currency = books.currency or (there[0] if len(there) == 1 else None)
    if currency is None:
        why = f"It is priced in {', '.join(there)}: say in which currency." if there else "It has no price there."
        return PriceAnswer(line.sku, "unknown", why=why)
    found = quote(master, listed, currency, line.quantity, line.unit)
    if found is None:
        why = f"{books.erp} has no price of it in {currency} on the list that holds."
        return PriceAnswer(line.sku, "unknown", currency=currency, why=why)
    return _told(books, line, master, found, as_of)


def _told(books: _Books, line: PriceLine, master: PriceMaster, found: Price, as_of: datetime) -> PriceAnswer:
    amount, unit, notes = found.amount, master.unit, []
    if line.unit and line.unit != master.unit:
        try:
            amount, unit = priced_in(master, found, line.unit), line.unit
        except UnitError:
            notes.append(f"Told for one {master.unit}: there is no exact price for one {line.unit}.")
    for_customer = books.buyer.named and bool(master.base_list)
    if books.buyer.named and not for_customer:
        notes.append(f"It is the item's own price: what {books.erp} has agreed with the customer is not read.")
    if for_customer and books.buyer.terms_as_of is not None:
        as_of = min(as_of, books.buyer.terms_as_of)
    age_s = (books.now - as_of).total_seconds()
    if age_s > books.fresh_s:
        notes.append(f"It was read {age_s / 3600:.0f} hours ago.")
    return PriceAnswer(
        line.sku, "stale" if age_s > books.fresh_s else "known", amount, found.currency, unit,
        "customer" if for_customer else "anybody", found.title or found.list or None, master.includes_tax, as_of,
        " ".join(notes) or None,
    )  # fmt: skip
