"""One suite over all connectors: what the engine relies on without knowing any vendor."""

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from types import UnionType
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import crossdock.connectors
from crossdock.domain.commands import Payload
from crossdock.domain.events import Event, encode_event
from crossdock.domain.outcome import Done, Outcome, OutcomeUnknown, RetryLater
from crossdock.engine.courier import LEASE_MARGIN
from crossdock.kit.http import AnswerLost, NotSent, Recording, Response
from crossdock.kit.listing import Window
from crossdock.kit.manifest import Call, Identity, Refused, Repeat, Result, Unreachable, Untranslatable
from crossdock.kit.redact import Redactor
from tests.conformance.cases import (
    ANSWERS,
    CANARIES,
    PREVIOUS,
    SECRET,
    SIGNS,
    SYSTEMS,
    UNSIGNED,
    Scripted,
    client,
    connector,
    forged,
    listed_key,
    payload,
    proven,
)

CALL = Call("shop-1001/target/purpose", 1)
OPERATIONS = [(system, purpose) for system in SYSTEMS for purpose in connector(system).operations]
LOOK_UPS = [(system, purpose) for system, purpose in OPERATIONS if connector(system).operations[purpose].look_up]
TOPICS = [(system, topic) for system in SYSTEMS for topic in connector(system).manifest.topics]
HOOKED = [system for system in SYSTEMS if connector(system).webhook]
SIGNED = [system for system in HOOKED if system not in UNSIGNED]
SURE_NOTHING_THERE = {"404 json", "404 html"}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=5),
    max_leaves=15,
)
bodies = st.binary(max_size=200) | json_values.map(msgspec.json.encode)
few = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def or_raised(expected: type[Exception] | tuple[type[Exception], ...], call: Callable[[], Any]) -> Any:
    """What the call returns, or the expected exception it raises."""
    try:
        return call()
    except expected as error:
        return error


def canonical_tags() -> set[str]:
    return {str(kind.__struct_config__.tag) for kind in get_args(Event)}


# --- the manifest -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("system", SYSTEMS)
def test_manifest_is_whole(system: str) -> None:
    manifest = connector(system).manifest
    assert manifest.system == system
    assert manifest.role in ("channel", "erp", "warehouse")
    assert manifest.title
    assert manifest.api_version
    assert manifest.mapping_version
    assert manifest.docs
    assert manifest.docs.startswith("https://")
    assert manifest.sunset is None or date.fromisoformat(manifest.sunset)
    names = [setting.name for setting in manifest.settings]
    assert len(names) == len(set(names))
    for setting in manifest.settings:
        assert setting.title
        assert not (setting.secret and setting.default), f"{setting.name}: a secret has no default"
        assert not (setting.required and setting.default is not None), f"{setting.name}: required and defaulted"
    quota = manifest.quota
    assert (quota.concurrency or quota.rate_per_s) is not None
    assert quota.rate_per_s is None or quota.burst is not None


@pytest.mark.parametrize("system", SYSTEMS)
def test_topics_name_what_they_become(system: str) -> None:
    topics = connector(system).manifest.topics
    assert topics
    for topic, becomes in topics.items():
        assert becomes in canonical_tags() | {"signal"} or becomes.startswith("ignored: "), topic


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_connector_says_how_it_is_set_up(system: str) -> None:
    folder = Path(crossdock.connectors.__file__).parent / system
    readme = (folder / "README.md").read_text("utf-8")
    explained = [setting for setting in connector(system).manifest.settings if setting.required or setting.secret]
    missing = [setting.name for setting in explained if setting.name not in readme]
    assert not missing, f"README.md does not explain the settings {missing}"


@pytest.mark.parametrize(("system", "purpose"), OPERATIONS)
def test_operation_is_sane(system: str, purpose: str) -> None:
    found = connector(system)
    operation = found.operations[purpose]
    assert isinstance(Payload, UnionType)
    assert purpose in {kind.purpose for kind in get_args(Payload)}
    assert operation.purpose == purpose
    assert operation.title
    assert operation.lease_s > operation.timeout_s > 0
    assert operation.cost >= 1
    assert found.manifest.quota.burst is None or operation.cost <= found.manifest.quota.burst
    if operation.repeat is Repeat.SEARCHABLE:
        assert operation.look_up is not None
        assert operation.settle_s > 0
    if operation.repeat in (Repeat.SEARCHABLE, Repeat.UNIQUE):
        assert operation.lease_s * LEASE_MARGIN - operation.settle_s > operation.timeout_s, "no call would be whole"
    if purpose == "read_back":
        assert operation.repeat is Repeat.READ


@pytest.mark.parametrize("system", SYSTEMS)
def test_polls_are_named_and_patient(system: str) -> None:
    for name, poll in connector(system).polls.items():
        assert poll.name == name
        assert poll.every_s >= 10


@pytest.mark.parametrize("system", HOOKED)
def test_signing_secrets_are_declared_as_secrets(system: str) -> None:
    found = connector(system)
    assert found.webhook is not None
    secrets = {setting.name for setting in found.manifest.settings if setting.secret}
    assert found.webhook.secret_settings
    assert set(found.webhook.secret_settings) <= secrets


# --- signatures ---------------------------------------------------------------------------------------------------

BODY = b'{"id": 1001, "webhook_type": "Order Allocated", "partner_order_id": "shop-1001"}'


@pytest.mark.parametrize("system", HOOKED)
def test_either_active_secret_proves_a_webhook(system: str) -> None:
    webhook = connector(system).webhook
    assert webhook is not None
    for secret in (SECRET, PREVIOUS):
        headers, body = proven(system, BODY, secret)
        webhook.verify(headers, body, [SECRET, PREVIOUS])


@pytest.mark.parametrize("system", SIGNED)
@given(bit=st.integers(0, len(BODY) * 8 - 1))
@few
def test_a_flipped_bit_is_refused(system: str, bit: int) -> None:
    webhook = connector(system).webhook
    assert webhook is not None
    flipped = bytearray(BODY)
    flipped[bit // 8] ^= 1 << (bit % 8)
    with pytest.raises(Refused) as refused:
        webhook.verify(SIGNS[system](BODY, SECRET), bytes(flipped), [SECRET, PREVIOUS])
    assert refused.value.status == 401


@pytest.mark.parametrize("system", HOOKED)
@given(signature=st.text(max_size=60), secrets=st.lists(st.sampled_from([SECRET, "", " ", ","]), max_size=3))
@few
def test_any_other_signature_is_refused(system: str, signature: str, secrets: list[str]) -> None:
    webhook = connector(system).webhook
    assert webhook is not None
    for headers, body in (forged(system, BODY, signature), ({}, BODY)):
        with pytest.raises(Refused):
            webhook.verify(headers, body, secrets)


@pytest.mark.parametrize("system", HOOKED)
@pytest.mark.parametrize("secrets", [[], [""], ["wrong"]])
def test_without_the_right_secret_nothing_is_proven(system: str, secrets: list[str]) -> None:
    webhook = connector(system).webhook
    assert webhook is not None
    for signer in (SECRET, ""):
        headers, body = proven(system, BODY, signer)
        with pytest.raises(Refused):
            webhook.verify(headers, body, secrets)


@pytest.mark.parametrize("system", HOOKED)
@given(body=bodies, headers=st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=4))
@few
def test_identify_names_or_refuses(system: str, body: bytes, headers: dict[str, str]) -> None:
    webhook = connector(system).webhook
    assert webhook is not None
    topics = list(connector(system).manifest.topics)
    for topic in (None, *topics[:3]):
        given_headers = headers if topic is None else {**headers, "x-shopify-topic": topic, "x-shopify-event-id": "e"}
        identity = or_raised(Refused, partial(webhook.identify, system, given_headers, body))
        if isinstance(identity, Refused):
            assert 400 <= identity.status < 500
            continue
        assert isinstance(identity, Identity)
        assert identity.delivery_id
        assert identity.stream_kind
        assert identity.stream_key


# --- answers ------------------------------------------------------------------------------------------------------


def ask(call: Any) -> Any:
    """What the call comes to: a Result, None, NotSent or AnswerLost; any other exception is the test's failure."""
    return or_raised((NotSent, AnswerLost), lambda: asyncio.run(call))


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize(("system", "purpose"), OPERATIONS)
def test_every_answer_is_classified_and_none_is_a_success(system: str, purpose: str, answer: str) -> None:
    operation = connector(system).operations[purpose]
    result = ask(operation.send(client(system, Scripted(ANSWERS[answer])), payload(system, purpose), CALL))
    if isinstance(result, NotSent | AnswerLost):
        return
    assert isinstance(result, Result)
    assert isinstance(result.outcome, get_args(Outcome))
    assert not isinstance(result.outcome, Done)
    assert not result.follows
    if answer == "503 html" and not isinstance(result.outcome, OutcomeUnknown):
        assert isinstance(result.outcome, RetryLater)
    if operation.repeat is Repeat.READ:
        assert not isinstance(result.outcome, OutcomeUnknown), "a read changes nothing: it can simply be repeated"


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize(("system", "purpose"), LOOK_UPS)
def test_a_look_up_is_only_sure_when_it_was_answered(system: str, purpose: str, answer: str) -> None:
    look_up = connector(system).operations[purpose].look_up
    assert look_up is not None
    result = ask(look_up(client(system, Scripted(ANSWERS[answer])), payload(system, purpose), CALL))
    if result is None:
        assert answer in SURE_NOTHING_THERE
    elif isinstance(result, Result):
        assert not isinstance(result.outcome, Done)


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize(("system", "purpose"), OPERATIONS)
def test_a_failed_sign_in_is_classified_too(system: str, purpose: str, answer: str) -> None:
    scripted = Scripted(ANSWERS[answer], sign_in=False)
    result = ask(connector(system).operations[purpose].send(client(system, scripted), payload(system, purpose), CALL))
    if isinstance(result, Result):
        assert not isinstance(result.outcome, Done)
    else:
        assert isinstance(result, NotSent | AnswerLost)


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_polls_and_check_fail_in_known_ways(system: str, answer: str) -> None:
    found = connector(system)
    for poll in found.polls.values():
        with pytest.raises(Exception) as failed:  # noqa: PT011
            asyncio.run(poll.run(client(system, Scripted(ANSWERS[answer])), None, {}))  # type: ignore[arg-type]
        classified = isinstance(getattr(failed.value, "outcome", None), get_args(Outcome))
        assert classified or isinstance(failed.value, NotSent | AnswerLost | Unreachable), repr(failed.value)
    assert found.check is not None
    with pytest.raises(Unreachable):
        asyncio.run(found.check(client(system, Scripted(ANSWERS[answer]))))  # type: ignore[arg-type]
    if found.sells_in is not None:
        with pytest.raises(Unreachable):
            asyncio.run(found.sells_in(client(system, Scripted(ANSWERS[answer]))))  # type: ignore[arg-type]


LISTING = [system for system in SYSTEMS if connector(system).listing]


@pytest.mark.parametrize("system", LISTING)
def test_a_listing_says_what_it_relies_on(system: str) -> None:
    found = connector(system)
    listing = found.listing
    assert listing is not None
    assert listing.lag_s > 0
    assert listing.most >= 1
    assert found.manifest.quota.burst is None or listing.cost <= found.manifest.quota.burst
    assert listing.signal is None or "read_back" in found.operations


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("system", LISTING)
def test_a_listing_is_only_empty_when_it_was_answered(system: str, answer: str) -> None:
    """An answer that is none must not read as "no such order": that would be told as a lost one."""
    listing = connector(system).listing
    assert listing is not None
    window = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC))
    for asked in (
        listing.pages(_at(system, answer), window, None),
        listing.named(_at(system, answer), [listed_key(system)]),
    ):
        with pytest.raises(Exception) as failed:  # noqa: PT011
            asyncio.run(asked)  # type: ignore[arg-type]
        classified = isinstance(getattr(failed.value, "outcome", None), get_args(Outcome))
        assert classified or isinstance(failed.value, NotSent | AnswerLost | Unreachable), repr(failed.value)


def _at(system: str, answer: str) -> Any:
    return client(system, Scripted(ANSWERS[answer]))


# --- translating --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("system", "topic"), TOPICS)
@given(body=bodies)
@few
def test_translate_gives_events_or_says_why_not(system: str, topic: str, body: bytes) -> None:
    events = or_raised(Untranslatable, lambda: connector(system).translate(system, topic, body))
    if isinstance(events, Untranslatable):
        assert events.code
        assert events.detail
        return
    for event in events:
        encode_event(event)


@pytest.mark.parametrize("system", SYSTEMS)
def test_deep_and_odd_bodies_are_untranslatable(system: str) -> None:
    read = [topic for topic, becomes in connector(system).manifest.topics.items() if not becomes.startswith("ignored")]
    for topic in (*read, "never/heard/of"):
        for body in (b"[" * 20_000, b'{"a":' * 20_000, b"", b"\xff", b"NaN"):
            with pytest.raises(Untranslatable):
                connector(system).translate(system, topic, body)


# --- what is kept -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("system", "purpose"), OPERATIONS)
def test_no_personal_data_and_no_token_is_kept_with_an_attempt(system: str, purpose: str) -> None:
    found = connector(system)

    def echo(body: bytes) -> Response:
        told = body if body[:1] in (b"{", b"[") else msgspec.json.encode(body.decode("utf-8", "replace"))
        return Response(400, {"content-type": "application/json"}, b'{"message":"no","given":' + told + b"}")

    recording = Recording(Scripted(echo, sign_in=False), lambda: 0.0)
    ask(found.operations[purpose].send(client(system, recording), payload(system, purpose), CALL))
    recording_in = Recording(Scripted(echo), lambda: 0.0)
    ask(found.operations[purpose].send(client(system, recording_in), payload(system, purpose), CALL))
    exchanges = recording.exchanges + recording_in.exchanges
    assert exchanges
    kept = b"".join(Redactor(found.manifest.redact)(exchanges)).decode()
    leaked = [canary for canary in (*CANARIES, "shpat_token", "PRIVATE KEY") if canary in kept]
    assert not leaked
