"""A signal is read back once per message, and once more when another came during the read."""

from datetime import timedelta

import msgspec
from tests.domain.factories import context

from crossdock.domain.commands import Command, ReadBack
from crossdock.domain.decision import Decision, StreamRef, Tell, Timer
from crossdock.domain.events import CommandSettled, Event, LaterSeen, OperatorActed, SignalSeen, TimerFired
from crossdock.domain.outcome import Done, Rejected
from crossdock.domain.signal_decider import AGAIN, REMEMBERED, SIGNAL, SignalState, decode_signal_entries


class Signals:
    def __init__(self) -> None:
        self.state: SignalState = SIGNAL.blank()
        self.commands: list[Command] = []

    def tell(self, event: Event) -> Decision:
        decision = SIGNAL.decide(self.state, event, context())
        entries = decode_signal_entries(SIGNAL.store_entries(decision.entries))
        self.state = SIGNAL.load(SIGNAL.store(SIGNAL.evolve(self.state, entries)))
        self.commands += decision.commands
        assert len({command.key for command in self.commands}) == len(self.commands)
        return decision

    def settle(self, outcome: object = None) -> Decision:
        return self.tell(CommandSettled(self.commands[-1].key, "read_back", "shop1", outcome or Done()))  # type: ignore[arg-type]


def seen(content: str = "") -> SignalSeen:
    return SignalSeen("shop1", "fulfillment_order", "77", content)


def test_a_signal_opens_a_read_at_its_source() -> None:
    signals = Signals()
    signals.tell(seen("2026-11-23T12:00:00Z"))
    [command] = signals.commands
    assert command.key == "shop1:fulfillment_order:77/shop1/read_back/2026-11-23T12:00:00Z"
    assert (command.target, command.payload) == ("shop1", ReadBack("fulfillment_order", "77"))
    assert SIGNAL.summary(signals.state).status == "open"
    signals.settle()
    assert SIGNAL.summary(signals.state).status == "done"


def test_the_same_message_is_read_once_and_a_later_one_again() -> None:
    signals = Signals()
    signals.tell(seen("a"))
    signals.settle()
    assert signals.tell(seen("a")).commands == []
    assert len(signals.tell(seen("b")).commands) == 1


def test_what_only_an_order_that_is_here_takes_is_handed_on_and_no_order_made_for_it() -> None:
    later = LaterSeen("shop1", "1001")
    decision = Signals().tell(later)
    assert decision.tells == [Tell(StreamRef("order", "shop1-1001"), later, existing=True)]
    assert (decision.entries, decision.commands) == ([], [])


def test_messages_without_content_are_each_read() -> None:
    signals = Signals()
    signals.tell(seen())
    signals.settle()
    signals.tell(seen())
    assert [command.key.rsplit("/", 1)[1] for command in signals.commands] == ["1", "2"]


def test_signals_during_a_read_lead_to_one_more() -> None:
    signals = Signals()
    signals.tell(seen("a"))
    signals.tell(seen("b"))
    signals.tell(seen("b"))
    assert len(signals.commands) == 1
    assert len(signals.settle().commands) == 1
    assert signals.settle().commands == []
    assert SIGNAL.summary(signals.state).status == "done"


def looked(signals: Signals, after_s: float) -> Decision:
    """The alarm goes off so long after the beginning."""
    now = context().now + timedelta(seconds=after_s)
    decision = SIGNAL.decide(signals.state, TimerFired(AGAIN), msgspec.structs.replace(context(), now=now))
    signals.state = SIGNAL.load(SIGNAL.store(SIGNAL.evolve(signals.state, decision.entries)))
    signals.commands += decision.commands
    return decision


def test_what_its_connector_says_so_of_is_read_once_more_later() -> None:
    signals = Signals()
    due_at = context().now + timedelta(seconds=60)
    assert signals.tell(SignalSeen("shop1", "return", "77", again_s=60)).timers == [Timer(AGAIN, due_at)]
    signals.settle()
    assert (looked(signals, 59).timers, len(signals.commands)) == ([Timer(AGAIN, due_at)], 1), "put off meanwhile"
    again = looked(signals, 60)
    assert [one.payload for one in again.commands] == [ReadBack("return", "77")]
    signals.settle()
    assert looked(signals, 61) == Decision(), "an alarm that comes twice"
    assert len({command.key for command in signals.commands}) == 2


def test_a_later_look_while_a_read_is_under_way_follows_it() -> None:
    signals = Signals()
    signals.tell(SignalSeen("shop1", "return", "77", again_s=60))
    looked(signals, 60)
    assert len(signals.commands) == 1
    signals.settle()
    assert len(signals.commands) == 2


def test_a_repeat_during_its_own_read_leads_to_no_other() -> None:
    signals = Signals()
    signals.tell(seen("a"))
    assert signals.tell(seen("a")).entries == []
    assert signals.settle().commands == []
    assert SIGNAL.summary(signals.state).status == "done"


def test_a_failed_read_is_a_problem_that_is_sent_again() -> None:
    signals = Signals()
    signals.tell(seen("a"))
    [problem] = signals.settle(Rejected("not_found", "gone")).opened
    assert (problem.code, problem.key) == ("read_back.rejected", "read_back")
    assert SIGNAL.summary(signals.state).status == "exception"
    decision = signals.tell(OperatorActed("retry", "olivia"))
    assert (decision.again, decision.settled) == ([signals.commands[0].key], ["read_back"])
    signals.settle()
    assert SIGNAL.summary(signals.state).status == "done"


def test_a_later_signal_heals_a_failed_read() -> None:
    signals = Signals()
    signals.tell(seen("a"))
    signals.settle(Rejected("not_found", "gone"))
    assert signals.tell(seen("b")).settled == ["read_back"]


def test_a_person_may_let_a_failed_read_be() -> None:
    signals = Signals()
    signals.tell(seen("a"))
    signals.settle(Rejected("not_found", "gone"))
    assert signals.tell(OperatorActed("resolve", "olivia", "deleted there")).settled == ["read_back"]
    assert SIGNAL.summary(signals.state).status == "done"


def test_letting_a_failed_read_be_does_not_lose_the_signal_that_came_meanwhile() -> None:
    signals = Signals()
    signals.tell(seen("a"))
    signals.tell(seen("b"))
    signals.settle(Rejected("not_found", "gone"))
    assert len(signals.tell(OperatorActed("resolve", "olivia", "known")).commands) == 1
    assert signals.commands[-1].key.endswith("/b")
    signals.settle()
    assert SIGNAL.summary(signals.state).status == "done"


def test_a_repeat_of_long_ago_is_read_under_a_key_of_its_own() -> None:
    signals = Signals()
    for nth in range(REMEMBERED + 2):
        signals.tell(seen(f"content {nth}"))
        signals.settle()
    signals.tell(seen("content 0"))
    signals.settle()
    assert SIGNAL.summary(signals.state).status == "done"


def test_nothing_else_moves_a_signal() -> None:
    signals = Signals()
    signals.tell(seen("a"))
    assert signals.tell(TimerFired("x")).entries == []
    assert signals.tell(CommandSettled("other", "read_back", "shop1", Done())).entries == []
