"""Which customer of the ERP a buyer is: what speaks for each candidate, how strongly, and who is sure enough. Pure.

Both sides make the same keys: a poll keeps each customer under ``keys_of``, an order is looked up by its ``evidence``.
Keys other than an e-mail begin with capitals, which no e-mail in lower case can.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import msgspec

from crossdock.domain.decision import CustomerMaster
from crossdock.domain.order import Address, Order, Party, order_key

LINKED, EXTERNAL_ID, TAX_NUMBER, EMAIL, NAME = "linked", "external id", "tax number", "e-mail", "name and postcode"
SCORES: Mapping[str, int] = {LINKED: 100, EXTERNAL_ID: 100, TAX_NUMBER: 95, EMAIL: 90, NAME: 60}
FURTHER = 3  # what each further agreement adds
SURE = 90  # from here on an order is booked without asking
MIDDLING = 50  # from here on a person is asked
APART = 10  # how far the best must be ahead of the next to be sure
_WORD = re.compile(r"\w+")
_SIGN = re.compile(r"[^0-9A-Za-z]")
_NOBODY = Party()

Find = Callable[[str], Sequence[CustomerMaster]]


class Evidence(msgspec.Struct, frozen=True):
    """One thing by which a buyer can be found."""

    how: str
    key: str


class Candidate(msgspec.Struct, frozen=True):
    """A customer that may be the buyer. ``score``: 0 to 100; ``reasons``: the strongest first. No personal data."""

    ref: str
    score: int
    reasons: tuple[str, ...]
    active: bool = True


def mail(address: str | None) -> str:
    """An e-mail as masters are looked up by: trimmed, lower case; empty when there is none."""
    return (address or "").strip().lower()


def link_key(order: Order) -> str | None:
    """What a person's link for this channel customer is remembered by; None for guests."""
    buyer = order.customer
    return f"LINK:{order.channel}:{buyer.external_id}" if buyer is not None and buyer.external_id else None


def evidence(order: Order) -> tuple[Evidence, ...]:
    """All that the buyer can be found by, the strongest first."""
    return _evidence(order.channel, order.customer or _NOBODY, order.bill_to, order.ship_to)


@lru_cache(maxsize=1024)  # an order is asked for it when its masters are loaded and when it is checked
def _evidence(channel: str, buyer: Party, bill_to: Address | None, ship_to: Address | None) -> tuple[Evidence, ...]:
    found = []
    if buyer.external_id:
        found.append(Evidence(LINKED, f"LINK:{channel}:{buyer.external_id}"))
        found.append(Evidence(EXTERNAL_ID, f"ID:{order_key(channel, buyer.external_id)}"))
    if buyer.tax_number and (tax := _signs(buyer.tax_number)):
        found.append(Evidence(TAX_NUMBER, f"TAX:{tax}"))
    if address := mail(buyer.email):
        found.append(Evidence(EMAIL, address))
    pairs: dict[
        tuple[str | None, str], None
    ] = {}  # most names and postcodes of an order are the same: each is brought into form once
    for place in (bill_to, ship_to):
        if place is not None and place.postal_code:
            for name in (buyer.company, buyer.name, place.company, place.name):
                pairs[name, place.postal_code] = None
    keys = dict.fromkeys(_at(name, postcode) for name, postcode in pairs)
    return (*found, *(Evidence(NAME, key) for key in keys if key is not None))


def keys_of(known: CustomerMaster) -> tuple[str, ...]:
    """What a customer of the ERP is kept under; always something, so that it can leave its old keys."""
    found = [f"REF:{known.ref}", mail(known.email) or None, _at(known.name, known.postal_code)]
    found.append(f"ID:{known.external_id}" if known.external_id else None)
    found.append(f"TAX:{tax}" if (tax := _signs(known.tax_number)) else None)
    return tuple(dict.fromkeys(key for key in found if key is not None))


def _at(name: str | None, postcode: str | None) -> str | None:
    if not name or not postcode:
        return None
    folded = name.casefold()
    plain = folded.replace(" ", "").isalnum()  # nearly all: a third of the search's cost
    words, place = " ".join(folded.split() if plain else _WORD.findall(folded)), _signs(postcode)
    return f"AT:{words}|{place}" if words and place else None


def _signs(text: str | None) -> str:
    if not text:
        return ""
    return (text if text.isascii() and text.isalnum() else _SIGN.sub("", text)).upper()


def linked_in(key: str) -> tuple[str, str] | None:
    """(channel, its customer's id) of a key that a person's link is remembered by; None for other keys."""
    word, _, rest = key.partition(":")
    channel, _, external_id = rest.partition(":")
    return (channel, external_id) if word == "LINK" else None


def candidates(order: Order, find: Find) -> tuple[Candidate, ...]:
    """Every customer that something speaks for, the best first; equal ones by their id.

    Names are only looked at where the rest leaves nobody sure: by themselves they never make somebody so.
    """
    told = evidence(order)
    strong = _found([one for one in told if one.how != NAME], find)
    best = sure(strong)
    return strong if best is not None and best.active else _found(told, find)


def _found(evidence: Sequence[Evidence], find: Find) -> tuple[Candidate, ...]:
    reasons: dict[str, list[str]] = {}
    active: dict[str, bool] = {}
    for one in evidence:
        for known in find(one.key):
            told = reasons.setdefault(known.ref, [])
            active[known.ref] = known.active
            if one.how not in told:
                told.append(one.how)
    found = [Candidate(ref, _score(told), _strongest_first(told), active[ref]) for ref, told in reasons.items()]
    return tuple(sorted(found, key=lambda one: (-one.score, one.ref)))


def _score(reasons: Sequence[str]) -> int:
    return min(max(SCORES[how] for how in reasons) + FURTHER * (len(reasons) - 1), 100)


def _strongest_first(reasons: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(reasons, key=lambda how: -SCORES[how]))


def sure(found: Sequence[Candidate]) -> Candidate | None:
    """The one that the order may be booked on without asking: strong enough, and well ahead of every other.

    An active customer is never beaten by an inactive one; a person's own link is never doubted.
    """
    living = [one for one in found if one.active] or list(found)
    linked = [one for one in living if LINKED in one.reasons]
    if len(linked) == 1:
        return linked[0]
    if not living or living[0].score < SURE:
        return None
    return living[0] if len(living) == 1 or living[0].score - living[1].score >= APART else None


def doubtful(found: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Those that a person should look at."""
    return tuple(one for one in found if one.active and one.score >= MIDDLING)
