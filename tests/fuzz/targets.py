"""Every decoder that reads bytes from outside, and what it may do with them. A target takes bytes; whatever it raises
that is not the documented exception is a bug, and so is a result that breaks its own promise.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from hypothesis import strategies as st

from crossdock import app
from crossdock.domain import entries, signal_decider, state
from crossdock.domain.commands import Payload
from crossdock.domain.decision import Context, CustomerMaster, HoldHit, ProductMaster
from crossdock.domain.events import Event, OrderSeen, SignalSeen, decode_event, encode_event
from crossdock.domain.order_decider import ORDER
from crossdock.governance.config import load
from crossdock.governance.faults import ConfigError
from crossdock.intake.guard import DEPTH, BadBody, check_json
from crossdock.kit.manifest import Identity, Refused, Untranslatable
from crossdock.kit.redact import Redactor
from tests.conformance.cases import PAYLOADS, SECRET, SIGNS, connector
from tests.domain.factories import CHANNEL, NOON, FakeMasters, Play, order, shipment, shipped
from tests.fuzz.mutation import junk
from tests.fuzz.samples import BODIES

CHARACTERS = 2_000_000  # a stored decision longer than this came of a message of a few kilobytes


@dataclass(frozen=True)
class Target:
    """``run`` gets bytes of ``bodies`` and raises for a bug only."""

    name: str
    bodies: st.SearchStrategy[bytes]
    run: Callable[[bytes], None]
    share: float = 1.0  # of the examples


def or_raised(expected: type[Exception] | tuple[type[Exception], ...], call: Callable[[], Any]) -> Any:
    """What the call returns, or the documented exception it raises."""
    try:
        return call()
    except expected as error:
        return error


# -- intake ----------------------------------------------------------------------------------------------------


def guard(body: bytes) -> None:
    """What it lets through, every strict reader reads alike: no key twice, not deep, no NUL, no NaN."""
    refused = or_raised(BadBody, partial(check_json, body))
    if refused is not None:
        assert refused.code.startswith("body_")
        return
    tree = json.loads(body.decode("utf-8"), object_pairs_hook=_distinct, parse_constant=_refuse, parse_int=str)
    assert _depth(tree) <= DEPTH
    assert "\0" not in json.dumps(tree, ensure_ascii=False)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len({key for key, _ in pairs}) == len(pairs), "a key twice"
    return dict(pairs)


def _refuse(constant: str) -> Any:
    raise AssertionError(f"{constant} was let through")


def _depth(tree: Any) -> int:
    parts = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else None
    return 0 if parts is None else 1 + max(map(_depth, parts), default=0)


def identify(system: str, topic: str, body: bytes) -> None:
    """A webhook that is proven and sound JSON is named, or refused with 400."""
    webhook = connector(system).webhook
    assert webhook is not None
    signed = {"x-shopify-webhook-id": "d-1", "x-shopify-topic": topic, **SIGNS[system](body, SECRET)}
    webhook.verify(signed, body, [SECRET])
    for headers in ({}, dict.fromkeys(signed, "wrong"), SIGNS[system](body + b"x", SECRET)):
        refused = or_raised(Refused, partial(webhook.verify, headers, body, [SECRET]))
        assert refused is not None, "an unproven body was taken"
        assert refused.status == 401
    if or_raised(BadBody, partial(check_json, body)) is not None:
        return
    named = or_raised(Refused, partial(webhook.identify, "shop", signed, body))
    if isinstance(named, Refused):
        assert named.status == 400
        assert named.code
        return
    assert isinstance(named, Identity)
    assert named.stream_kind in ("order", "signal")
    for text in (named.delivery_id, named.topic, named.stream_key, *named.also_ids):
        assert isinstance(text, str)
        text.encode()


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
            _decide_signal(event)
        else:
            _decide_order(event)


def _decide_signal(event: Event) -> None:
    context = Context(NOON, {}, {}, lambda _: [])
    decider = signal_decider.SIGNAL
    decision = decider.decide(decider.blank(), event, context)
    decider.load(decider.store(decider.evolve(decider.blank(), decision.entries)))


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
    "event": decode_event,
    "payload": msgspec.json.Decoder(Payload).decode,
    "product": msgspec.json.Decoder(ProductMaster).decode,
}
DAMAGED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, entries.SchemaTooNew)


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
    context = Context(NOON, {}, {}, lambda _: [])
    opened = signal_decider.SIGNAL.decide(signal_decider.SIGNAL.blank(), signal, context)
    after = signal_decider.SIGNAL.evolve(signal_decider.SIGNAL.blank(), opened.entries)
    return {
        "state": (ORDER.store(play.state),),
        "entries": tuple(ORDER.store_entries(decision.entries) for decision in play.decisions),
        "signal state": (signal_decider.SIGNAL.store(after),),
        "signal entries": (signal_decider.SIGNAL.store_entries(opened.entries),),
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


# -- configuration ----------------------------------------------------------------------------------------------

CONFIG = """\
connections:
  shop:
    system: shopify
    settings: {shop_domain: acme.myshopify.com, page_size: 50}
    secrets: {access_token: "env:TOKEN", webhook_secret: "env:HOOK"}
  erp:
    system: netsuite
    settings: {account_id: "1234567", client_id: c, certificate_id: k, ship_methods: "table:methods", concurrency: 5}
    secrets: {private_key: "file:key.pem"}
    quota: {concurrency: 4}
routes:
  - {channel: shop, erp: erp, rounding_ceiling: "0.05", edit_window_s: 30, ship_methods: "table:methods"}
holds:
  - {name: large, when: "total > 5000 && order.currency == 'EUR'", owner: finance, reason: big, expires: 48h}
serve: {intake: "127.0.0.1:8480", max_body_bytes: 2000000, trusted_proxies: [10.0.0.0/8]}
keep: {messages: 400}
"""
TABLE = "from,to\nstandard,UPS\nexpress,DHL\n"
CONDITIONS = ("total > 5000", "currency in ['EUR', 'USD'] && size(lines) > 3", "customer.email.endsWith('@x.com')")
ODD_YAML = (
    "*a", "&a [*a]", "!!python/object:os.system {}", "!!binary aGk=", "- - - -", "{", "}", "[", "\t", "? ", "|", ">",
    "1e400", "99999999999999999999", "0o17", "0x1F", "1_000", ".nan", "~", "yes", "'", '"', "\x07", "\x85",
    "<<: {a: 1}", "%YAML 9.9", "--- a\n--- b", "#", ": ", "1" * 5000, "\ufeff", "table:", "table:none", "env:", "file:",
)  # fmt: skip


@st.composite
def texts(draw: st.DrawFn, text: str, odd: Sequence[str]) -> bytes:
    """A text with tokens removed, doubled, replaced, and lines moved."""
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(text) - 1, 0)))
        to = min(len(text), at + draw(st.integers(0, 12)))
        piece = draw(st.sampled_from(odd) | st.text(max_size=5) | st.sampled_from(text.split() or [""]))
        how = draw(st.sampled_from(["replace", "insert", "double", "cut", "line"]))
        if how == "line":
            lines = text.splitlines() or [""]
            lines.insert(draw(st.integers(0, len(lines))), draw(st.sampled_from(lines)))
            text = "\n".join(lines)
        else:
            middle = {"replace": piece, "insert": piece + text[at:to], "double": text[at:to] * 2, "cut": ""}[how]
            text = text[:at] + middle + text[to:]
    return text.encode("utf-8", "surrogateescape" if draw(st.booleans()) else "replace")


def config(name: str, body: bytes) -> None:
    """A folder is read whole, or refused with faults that name a file."""
    with TemporaryDirectory(prefix="crossdock-fuzz-") as made:
        folder = Path(made)
        (folder / "tables").mkdir()
        (folder / "crossdock.yaml").write_bytes(body if name == "yaml" else CONFIG.encode())
        (folder / "tables" / "methods.csv").write_bytes(body if name == "csv" else TABLE.encode())
        if name == "cel":
            rule = {"name": "r", "when": body.decode("utf-8", "replace"), "owner": "o", "reason": "r"}
            text = CONFIG.split("holds:")[0] + "holds:\n  - " + json.dumps(rule) + "\n"
            (folder / "crossdock.yaml").write_text(text, "utf-8")
        found = or_raised(ConfigError, partial(load, folder, app.Manifests()))
        if isinstance(found, ConfigError):
            assert found.faults
            assert all(fault.file and fault.wrong for fault in found.faults)
            return
        for hit in found.holds()(order()):
            assert hit.rule


# -- all of them ------------------------------------------------------------------------------------------------


def _of(system: str) -> list[Target]:
    bodies = BODIES[system]()
    shares = {topic: 2.0 if max(map(len, samples)) > 1_000 else 0.5 for topic, samples in bodies.items()}
    found = [
        Target(f"translate {system} {topic}", junk(samples), partial(translate, system, topic), shares[topic])
        for topic, samples in bodies.items()
    ]
    if connector(system).webhook is not None:
        found += [
            Target(f"identify {system} {topic}", junk(samples), partial(identify, system, topic), shares[topic] / 2)
            for topic, samples in bodies.items()
        ]
    return found


def targets() -> dict[str, Target]:
    """By name."""
    everything = [body for bodies in BODIES.values() for samples in bodies().values() for body in samples]
    found = [
        Target("guard", junk(everything), guard, 2.0),
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
