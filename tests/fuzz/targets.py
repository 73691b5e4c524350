"""Every decoder that reads bytes from outside, and what it may do with them. A target takes bytes; whatever it raises
that is not the documented exception is a bug, and so is a result that breaks its own promise.
"""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache, partial
from typing import Any

import msgspec
from hypothesis import strategies as st

from crossdock.domain import entries, privacy_decider, schema, settlement_entries, signal_decider, state
from crossdock.domain.commands import Payload
from crossdock.domain.decision import Context, CustomerMaster, Decider, HoldHit, ProductMaster
from crossdock.domain.events import (
    Event,
    OrderSeen,
    PrivacyAsked,
    SettlementSeen,
    SignalSeen,
    decode_event,
    encode_event,
)
from crossdock.domain.order_decider import ORDER
from crossdock.domain.settlement_decider import SETTLEMENT
from crossdock.kit.manifest import Untranslatable
from crossdock.kit.redact import Redactor
from tests.conformance.cases import PAYLOADS, UNSIGNED, connector
from tests.domain.factories import CHANNEL, NOON, FakeMasters, Play, context, order, shipment, shipped
from tests.domain.settling import REF, Kind, Streams, row, settlement
from tests.fuzz.configs import CONDITIONS, CONFIG, ODD_YAML, TABLE, config, texts
from tests.fuzz.intake import door, guard, identify
from tests.fuzz.mutation import junk, wrapped
from tests.fuzz.samples import BODIES
from tests.fuzz.target import Target, or_raised

CHARACTERS = 2_000_000  # a stored decision longer than this came of a message of a few kilobytes


# -- translating and deciding ----------------------------------------------------------------------------------


def translate(system: str, topic: str, body: bytes) -> None:
    """Events, or ``Untranslatable``. Events can be stored and read, and deciding on them writes what can be stored."""
    events = or_raised(Untranslatable, partial(connector(system).translate, CHANNEL, topic, body))
    if isinstance(events, Untranslatable):
        assert events.code
        assert events.detail.encode()
        return
    for event in events:
        assert decode_event(encode_event(event)) == event
        if isinstance(event, SignalSeen):
            _decide_small(signal_decider.SIGNAL, event)
        elif isinstance(event, PrivacyAsked):
            _decide_small(privacy_decider.PRIVACY, event)
        elif isinstance(event, SettlementSeen):
            _decide_settlement(event)
        else:
            _decide_order(event)


def _decide_small(decider: Decider, event: Event) -> None:
    outside = Context(NOON, {}, {}, lambda _: [])
    decision = decider.decide(decider.blank(), event, outside)
    decider.load(decider.store(decider.evolve(decider.blank(), decision.entries)))


def _decide_settlement(event: SettlementSeen) -> None:
    """On a blank stream and once more; what it then is can be stored and read, and its sum printed."""
    outside = context(settlement_wait_s=0.0)
    state = SETTLEMENT.blank()
    for _ in range(2):
        decision = SETTLEMENT.decide(state, event, outside)
        state = SETTLEMENT.evolve(state, decision.entries)
        assert state == decision.after
    stored = SETTLEMENT.store(state)
    assert SETTLEMENT.load(stored) == state
    assert len(stored) < CHARACTERS, "a small message made a state that fills the disk"
    assert Decimal(SETTLEMENT.summary(state).amount or "0").is_finite()


class Anything(FakeMasters):
    """Knows every product and every customer, so that booking is reached."""

    def product(self, sku: str) -> ProductMaster | None:
        return ProductMaster(sku, "item")

    def customer(self, email: str) -> CustomerMaster | None:
        return CustomerMaster("c", email)


def _decide_order(event: Event) -> None:
    """On a blank stream, and on one whose order is booked: as intake's messages come."""
    told: list[Event] = [event] if isinstance(event, OrderSeen) else [OrderSeen(order()), event]
    play = Play(masters=Anything(), payment="pending")
    play.tell(*told)
    play.settle_all()
    play.tell(event)
    stored = ORDER.store(play.state)
    assert ORDER.load(stored) == play.state
    assert len(stored) < CHARACTERS, "a small message made a state that fills the disk"
    summary = ORDER.summary(play.state)
    amount = Decimal(summary.amount or "0")
    assert amount.is_finite()
    assert len(summary.amount or "") < 200
    for reference in play.references:
        assert all(isinstance(part, str) for part in reference)


# -- what is stored ---------------------------------------------------------------------------------------------

STORED: Mapping[str, Callable[[bytes], Any]] = {
    "state": state.decode_state,
    "entries": entries.decode_entries,
    "signal state": signal_decider.SIGNAL.load,
    "signal entries": signal_decider.decode_signal_entries,
    "privacy state": privacy_decider.PRIVACY.load,
    "privacy entries": privacy_decider.decode_privacy_entries,
    "settlement state": settlement_entries.decode_settlement,
    "settlement entries": settlement_entries.decode_settlement_entries,
    "event": decode_event,
    "payload": msgspec.json.Decoder(Payload).decode,
    "product": msgspec.json.Decoder(ProductMaster).decode,
}
DAMAGED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, schema.SchemaTooNew)


def stored(name: str, body: bytes) -> None:
    """A blob that was damaged, or written by another release, is refused by name; it is never half read."""
    or_raised(DAMAGED, partial(STORED[name], body))


@cache
def blobs() -> dict[str, tuple[bytes, ...]]:
    """One of each, from a life that has most of everything in it."""
    play = Play(edit_window_s=30, holds=lambda _: [HoldHit("big", "finance", "many", {"n": 1}, 60)])
    play.see(lines=None)
    play.tell(shipped(shipment()))
    play.act("release_hold")
    play.fire("edit.window")
    play.settle_all()
    play.act("cancel")
    signal = SignalSeen("shop1", "order", "1001", "c")
    outside = Context(NOON, {}, {}, lambda _: [])
    opened = signal_decider.SIGNAL.decide(signal_decider.SIGNAL.blank(), signal, outside)
    after = signal_decider.SIGNAL.evolve(signal_decider.SIGNAL.blank(), opened.entries)
    asked = privacy_decider.PRIVACY.decide(
        privacy_decider.PRIVACY.blank(), PrivacyAsked("redact", "shop1", 30, "9", ("1",)), outside
    )
    wanted = privacy_decider.PRIVACY.evolve(privacy_decider.PRIVACY.blank(), asked.entries)
    paid = Streams()
    paid.tell(REF, SettlementSeen(settlement(row("1", Kind.SALE, "10.00", order="1001"), row("2", Kind.FEE, "-1.00"))))
    return {
        "settlement state": (SETTLEMENT.store(paid.settlement),),
        "settlement entries": (SETTLEMENT.store_entries(paid.journals[REF]),),
        "state": (ORDER.store(play.state),),
        "entries": tuple(ORDER.store_entries(decision.entries) for decision in play.decisions),
        "signal state": (signal_decider.SIGNAL.store(after),),
        "signal entries": (signal_decider.SIGNAL.store_entries(opened.entries),),
        "privacy state": (privacy_decider.PRIVACY.store(wanted),),
        "privacy entries": (privacy_decider.PRIVACY.store_entries(asked.entries),),
        "event": (encode_event(OrderSeen(order())), encode_event(shipped(shipment())), encode_event(signal)),
        "payload": tuple(msgspec.json.encode(payload) for payload in PAYLOADS.values()),
        "product": (msgspec.json.encode(ProductMaster("SKU", "1", True, "T")),),
    }


# -- redaction --------------------------------------------------------------------------------------------------

CANARY = "Canary7Secret"
NAMED = ("email", "name", "first_name", "zip", "shipping_address", "access_token", "password", "client_secret")
_redactor = Redactor(("email", "name", "first_name", "zip", "shipping_address"))


@st.composite
def planted(draw: st.DrawFn) -> bytes:
    """A body with the canary under named keys only: in values, objects, lists, in JSON within a text; cut anywhere."""
    around = st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
        max_leaves=6,
    )
    tree: Any = draw(around)
    for _ in range(draw(st.integers(1, 3))):
        secret = draw(st.sampled_from([CANARY, [CANARY], {"deep": [CANARY, {"er": CANARY}]}, f'"\\{CANARY}\n}}']))
        key = draw(st.sampled_from(NAMED))
        key = key.upper() if draw(st.booleans()) else key
        tree = {"before": tree, key: secret, "after": draw(around)}
        if draw(st.integers(0, 3)) == 0:
            tree = {"payload": json.dumps(tree)}
    style: dict[str, Any] = draw(st.sampled_from([{}, {"separators": (",", ":")}, {"indent": 2}]))
    body = json.dumps(tree, ensure_ascii=draw(st.booleans()), **style).encode("utf-8", "replace")
    kind = draw(st.sampled_from(["json", "json", "cut", "form", "xml"]))
    if kind == "cut":
        return body[: draw(st.integers(0, len(body)))]
    if kind == "form":
        return f"a=1&{draw(st.sampled_from(NAMED))}={CANARY}&b=2".encode()
    if kind == "xml":
        key = draw(st.sampled_from(NAMED))
        return f'<?xml version="1.0"?><a><ns:{key} x="1">{CANARY}</ns:{key}></a>'.encode()
    return body


def redacted(body: bytes) -> None:
    """Nothing planted under a named key comes out, whatever surrounds it."""
    assert CANARY.encode() not in _redactor.body(body)
    assert CANARY not in _redactor.words(body.decode("utf-8", "replace"))


def redaction_stands(body: bytes) -> None:
    """Anything at all can be redacted, and stays within its bounds."""
    assert len(_redactor.body(body)) <= len(body) + 60 + body.count(b":") * 12 + body.count(b"=") * 12
    _redactor.words(body.decode("utf-8", "replace"))
    _redactor.text(body.decode("latin-1"))


# -- all of them ------------------------------------------------------------------------------------------------


def _of(system: str) -> list[Target]:
    bodies = BODIES[system]()
    shares = {topic: 2.0 if max(map(len, samples)) > 1_000 else 0.5 for topic, samples in bodies.items()}
    found = [
        Target(f"translate {system} {topic}", junk(samples), partial(translate, system, topic), shares[topic])
        for topic, samples in bodies.items()
    ]
    if connector(system).webhook is not None and system not in UNSIGNED:  # an unsigned one proves no body of ours
        found += [
            Target(f"identify {system} {topic}", junk(samples), partial(identify, system, topic), shares[topic] / 2)
            for topic, samples in bodies.items()
        ]
        longest = max(bodies, key=lambda topic: len(bodies[topic][0]))
        found.append(Target(f"door {system}", junk(bodies[longest]), partial(door, system, longest)))
    return found


def targets() -> dict[str, Target]:
    """By name."""
    everything = [body for bodies in BODIES.values() for samples in bodies().values() for body in samples]
    found = [
        Target("guard", junk(everything) | junk(everything) | wrapped(everything), guard, 2.0),
        *(target for system in BODIES for target in _of(system)),
        *(Target(f"stored {name}", junk(blobs()[name]), partial(stored, name), 0.5) for name in STORED),
        Target("redaction of planted secrets", planted(), redacted, 3.0),
        Target("redaction of anything", junk(everything), redaction_stands),
        Target("config yaml", texts(CONFIG, ODD_YAML), partial(config, "yaml")),
        Target("config csv", texts(TABLE, ('"', ",", "\r", "\0", "\ufeff", ",,", "from")), partial(config, "csv"), 0.5),
        Target("config cel", st.sampled_from(CONDITIONS).flatmap(
            lambda rule: texts(rule, ("(", ")", "[", "&&", "!", "?:", "1/0", "'", "\\", "[].map(x, x)", "9" * 400))
        ), partial(config, "cel"), 0.5),
    ]  # fmt: skip
    return {target.name: target for target in found}
