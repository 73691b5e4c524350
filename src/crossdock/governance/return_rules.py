"""Checks what routes say about return authorisations."""

from collections.abc import Sequence

from crossdock.domain.decision import Policy
from crossdock.domain.returning import faults
from crossdock.governance.reading import Reader


def check_returns(read: Reader, policies: Sequence[Policy]) -> None:
    """Note a fault for whatever cannot be meant."""
    for index, policy in enumerate(policies):
        for field in ("announce_returns", "post_returns", "push_returns"):
            if getattr(policy, field) and policy.warehouse is None:
                wrong = f"'{field}' needs somebody who receives goods: the route has no warehouse."
                read.fault(("routes", index, field), wrong, "Name the route's warehouse, or leave it out.")
        if policy.returns is None:
            continue
        path = ("routes", index, "returns")
        for field, wrong, right in faults(policy.returns):
            read.fault((*path, field), wrong, right)
        if policy.warehouse is None:
            read.fault(
                path, "Nothing is heard of what leaves: the route has no warehouse.", "Name the route's warehouse."
            )
