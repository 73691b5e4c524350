"""Fuzzing leaves no decoder out, unless it is named with its reason."""

import pkgutil

import pytest

import crossdock.connectors
from tests.conformance.cases import SYSTEMS, client, connector
from tests.fuzz.answers import ANSWERED, LEFT_OUT, SIGNING_IN, TOKEN, Played, _attempt, answering
from tests.fuzz.samples import BODIES
from tests.fuzz.tapes import OUTRIGHT, names, tapes


def test_every_connector_is_asked_and_read() -> None:
    there = {one.name for one in pkgutil.iter_modules(crossdock.connectors.__path__) if one.ispkg}
    assert set(SYSTEMS) == BODIES.keys() == there


def test_every_operation_and_poll_is_fuzzed_or_left_out_for_a_reason() -> None:
    everything = {name for system in SYSTEMS for name in names(system)}
    assert set(ANSWERED) | LEFT_OUT.keys() == everything
    assert not set(ANSWERED) & LEFT_OUT.keys()
    assert all(LEFT_OUT.values())
    assert all(OUTRIGHT.values())
    assert {f"answers {system} {name}" for system, name in ANSWERED} <= answering().keys()


def test_each_has_exchanges_that_once_went_well() -> None:
    assert set(ANSWERED) <= tapes().keys()
    assert not LEFT_OUT.keys() & tapes().keys()
    assert all(one.answers for exchanges in tapes().values() for one in exchanges)


@pytest.mark.parametrize("system", SYSTEMS)
def test_whoever_is_signed_in_to_has_its_sign_in_fuzzed(system: str) -> None:
    purpose = next(name for of, name in ANSWERED if of == system and not name.startswith("poll "))
    exchange = tapes()[system, purpose][0]
    http = Played(exchange.answers, -1, TOKEN)
    _attempt(connector(system).operations[purpose], client(system, http), exchange.payload)
    assert (http.signed_in > 0) == (system in SIGNING_IN) == (f"sign-in {system}" in answering())
