"""Reads the hold rules of the configuration and checks what each says of its end."""

from crossdock.domain.holding import ESCALATE, EVENTS, RELEASE
from crossdock.governance.faults import nearest
from crossdock.governance.reading import Reader
from crossdock.governance.rules import HoldRule, RuleError, compile_rule


def read_holds(read: Reader, *, prove_rules: bool) -> list[HoldRule]:
    """The rules of the section ``holds``; faults for those that cannot be. ``prove_rules``: conditions are read too."""
    rules: list[HoldRule] = []
    for index in range(read.items(("holds",))):
        path = ("holds", index)
        expires_s = read.duration((*path, "expires"))
        rule = read.struct(HoldRule, path, without=("expires",), hidden=("expires_s",), expires_s=expires_s)
        if rule is None:
            continue
        if any(rule.name == other.name for other in rules):
            read.fault((*path, "name"), f"There is a rule '{rule.name}' already.", "Give each its own name.")
        _check_release(read, rule, path)
        try:
            if prove_rules:
                compile_rule(rule)
        except RuleError as error:
            read.fault((*path, "when"), f"Hold rule '{rule.name}': {error}")
        rules.append(rule)
    return rules


def _check_release(read: Reader, rule: HoldRule, path: tuple[str | int, ...]) -> None:
    for event in rule.release_on:
        if event not in EVENTS:
            wrong = f"'{event}' is nothing that lets a hold go."
            read.fault((*path, "release_on"), wrong, nearest(event, EVENTS, "Allowed"))
    if rule.on_expiry not in (RELEASE, ESCALATE):
        wrong = f"'on_expiry' cannot be '{rule.on_expiry}'."
        read.fault((*path, "on_expiry"), wrong, nearest(rule.on_expiry, (RELEASE, ESCALATE), "Allowed"))
    if rule.expires_s is None and (rule.on_expiry == ESCALATE or rule.escalate_to):
        read.fault(path, f"'{rule.name}' is passed on at its expiry, but never expires.", "Add 'expires: 48h'.")
    if rule.escalate_to and rule.on_expiry != ESCALATE:
        right = "Add 'on_expiry: escalate'."
        read.fault((*path, "escalate_to"), f"'{rule.name}' is let go when it expires.", right)
