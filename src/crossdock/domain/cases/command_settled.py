"""A command came to its end: its step is done, or a person must look."""

import msgspec

from crossdock.domain import entries as e
from crossdock.domain.advance import advance
from crossdock.domain.cases.invoice_seen import invoice_seen
from crossdock.domain.draft import Draft
from crossdock.domain.events import CommandSettled, InvoiceSeen
from crossdock.domain.fulfilment import Invoice
from crossdock.domain.outcome import Done
from crossdock.domain.problems import failed
from crossdock.domain.state import Intent


def problem_key(step: str, purpose: str, subject: str | None) -> str:
    """The key of the problem that a failed command opens."""
    return step if subject is None else f"{purpose}/{subject}"


def command_settled(d: Draft, event: CommandSettled) -> None:
    """Take the outcome of a command of ours once; nothing unseats one that is done."""
    intent = d.state.commands.get(event.key)
    if intent is None:
        d.ignore("command_settled", f"no command {event.key} was opened here")
        return
    if intent.status == "done" or (intent.status == "skipped" and not isinstance(event.outcome, Done)):
        return
    key = problem_key(intent.step, event.purpose, intent.subject)
    if isinstance(event.outcome, Done):
        done(d, event.key, intent, event.outcome.refs)
        if (invoice := event.outcome.facts.get("invoice")) is not None:
            invoice_seen(d, InvoiceSeen(msgspec.convert(invoice, Invoice), event.target))
        d.settle(key)
    else:
        problem = failed(key, event.key, event.purpose, event.target, event.outcome, event.tries)
        d.note(e.CommandFailed(event.key, problem.klass, problem.code, d.now, problem.title, event.tries))
        d.open(problem, intent.step)
    advance(d)


def done(d: Draft, key: str, intent: Intent, refs: dict[str, str], by: str | None = None) -> None:
    """The effect stands, because the target or a person says so."""
    d.note(e.CommandDone(key, d.now, refs, by))
    for kind, external_id in refs.items():
        d.refer(intent.target, kind, external_id)
