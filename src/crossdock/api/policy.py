"""Who may do what: one table, every route, denied unless listed."""

from collections.abc import Iterable, Mapping

VIEWER, SERVICE, OPERATOR, INTEGRATOR, ADMIN = "viewer", "customer_service", "operator", "integrator", "admin"
ROLES = (VIEWER, SERVICE, OPERATOR, INTEGRATOR, ADMIN)

Roles = frozenset[str]
ANYBODY: Roles = frozenset({"", *ROLES})  # signed in or not
SIGNED_IN: Roles = frozenset(ROLES)
PERSONAL: Roles = frozenset({SERVICE, OPERATOR, INTEGRATOR, ADMIN})  # may see customers' data
ACTING: Roles = frozenset({OPERATOR, INTEGRATOR, ADMIN})
CANCELLING: Roles = frozenset({SERVICE, OPERATOR, INTEGRATOR, ADMIN})
ADMINS: Roles = frozenset({ADMIN})
AUDITING: Roles = frozenset({INTEGRATOR, ADMIN})

# What an operator's act needs beyond the route it comes by.
ACTS: Mapping[str, Roles] = {
    "retry": ACTING,
    "release_hold": PERSONAL,  # the hold says who, see domain.holding
    "hold": PERSONAL,
    "link": PERSONAL,
    "merge": ACTING,
    "resolve": ACTING,
    "skip": ACTING,
    "cancel": CANCELLING,
}

POLICY: Mapping[str, Roles] = {
    # public
    "GET /healthz": ANYBODY,
    "GET /readyz": ANYBODY,
    "GET /metrics": ANYBODY,
    "GET /static/{file_path}": ANYBODY,
    "GET /sign-in": ANYBODY,
    "POST /sign-in": ANYBODY,
    "GET /setup": ANYBODY,
    "POST /setup": ANYBODY,
    # reading
    "GET /api/v1": SIGNED_IN,
    "GET /api/v1/openapi.json": SIGNED_IN,
    "GET /api/v1/{path}": SIGNED_IN,
    "GET /api/v1/me": SIGNED_IN,
    "GET /api/v1/now": SIGNED_IN,
    "GET /api/v1/now/history": SIGNED_IN,
    "GET /api/v1/orders": SIGNED_IN,
    "GET /api/v1/orders/{key}": SIGNED_IN,
    "GET /api/v1/streams/{stream}": SIGNED_IN,
    "GET /api/v1/settlements": SIGNED_IN,
    "GET /api/v1/settlements/{name}": SIGNED_IN,
    "GET /api/v1/messages/{message}": PERSONAL,
    "GET /api/v1/attempts/{attempt}": PERSONAL,
    "GET /api/v1/commands/{command}": PERSONAL,
    "GET /api/v1/exceptions": SIGNED_IN,
    "GET /api/v1/exceptions/cause": SIGNED_IN,
    "GET /api/v1/holds": SIGNED_IN,
    "GET /api/v1/holds/acts": SIGNED_IN,
    "GET /api/v1/holds/acts/{act}": SIGNED_IN,
    "GET /api/v1/connections": SIGNED_IN,
    "GET /api/v1/connections/{name}/masters": SIGNED_IN,
    "GET /api/v1/masters/item": SIGNED_IN,
    "GET /api/v1/unmapped": SIGNED_IN,
    "GET /api/v1/workers": SIGNED_IN,
    "GET /api/v1/audit": AUDITING,
    "GET /api/v1/proof": SIGNED_IN,
    "GET /api/v1/stock": SIGNED_IN,
    "GET /api/v1/stock/item": SIGNED_IN,
    "GET /api/v1/differences": SIGNED_IN,
    "GET /api/v1/reconciliation": SIGNED_IN,
    "GET /api/v1/closes": SIGNED_IN,
    "GET /api/v1/closes/{close}": SIGNED_IN,
    "GET /api/v1/closes/{close}/file": SIGNED_IN,
    "GET /api/v1/closes/{close}/list": SIGNED_IN,
    # acting
    "POST /api/v1/orders/{key}/acts": CANCELLING,
    "POST /api/v1/streams/{stream}/acts": CANCELLING,
    "GET /api/v1/exceptions/preview": ACTING,
    "POST /api/v1/exceptions/retry": ACTING,
    "GET /api/v1/holds/preview": PERSONAL,
    "POST /api/v1/holds/release": PERSONAL,
    "POST /api/v1/holds/acts/{act}/undo": PERSONAL,
    "POST /api/v1/connections/{name}/pause": ACTING,
    "POST /api/v1/connections/{name}/resume": ACTING,
    "POST /api/v1/people/links": ADMINS,
    "GET /api/v1/people": ADMINS,
    "GET /api/v1/partner-keys": ADMINS,
    "POST /api/v1/partner-keys": ADMINS,
    "POST /api/v1/partner-keys/{key_id}/revoke": ADMINS,
    "GET /api/v1/simulators": SIGNED_IN,
    "POST /api/v1/simulators/{name}/faults": ACTING,
    # the console's pages
    "GET /": SIGNED_IN,
    "GET /now/figures": SIGNED_IN,
    "GET /orders": SIGNED_IN,
    "GET /orders/{key}": SIGNED_IN,
    "GET /streams/{stream}": SIGNED_IN,
    "GET /settlements": SIGNED_IN,
    "GET /settlements/{name}": SIGNED_IN,
    "GET /messages/{message}": PERSONAL,
    "GET /attempts/{attempt}": PERSONAL,
    "GET /commands/{command}": PERSONAL,
    "GET /exceptions": SIGNED_IN,
    "GET /exceptions/cause": SIGNED_IN,
    "GET /exceptions/preview": ACTING,
    "POST /exceptions/retry": ACTING,
    "POST /streams/{stream}/acts": CANCELLING,
    "GET /holds": SIGNED_IN,
    "GET /holds/preview": PERSONAL,
    "GET /holds/acts/{act}": SIGNED_IN,
    "POST /holds/release": PERSONAL,
    "POST /holds/acts/{act}/undo": PERSONAL,
    "GET /connections": SIGNED_IN,
    "GET /connections/{name}": SIGNED_IN,
    "GET /connections/{name}/masters": SIGNED_IN,
    "POST /connections/{name}/pause": ACTING,
    "POST /connections/{name}/resume": ACTING,
    "GET /simulators": SIGNED_IN,
    "POST /simulators/{name}/faults": ACTING,
    "GET /audit": AUDITING,
    "GET /partner-keys": ADMINS,
    "POST /partner-keys": ADMINS,
    "POST /partner-keys/{key_id}/revoke": ADMINS,
    "GET /proof": SIGNED_IN,
    "GET /stock": SIGNED_IN,
    "GET /stock/item": SIGNED_IN,
    "GET /reconciliation": SIGNED_IN,
    "GET /closes": SIGNED_IN,
    "GET /closes/{close}": SIGNED_IN,
    "POST /sign-out": SIGNED_IN,
}


class RouteWithoutPolicy(Exception):
    """A route is not in ``POLICY``: say there who may use it."""


def allowed(method: str, template: str, role: str) -> bool:
    """Whether the role (``""``: nobody signed in) may use the route. A route that is not listed: no."""
    return role in POLICY.get(f"{method} {template}", frozenset())


def may(role: str, action: str) -> bool:
    """Whether the role may do this to an order."""
    return role in ACTS.get(action, frozenset())


def demand_policies(routes: Iterable[tuple[str, str]]) -> None:
    """Raises ``RouteWithoutPolicy`` naming every (method, template) that nobody thought about."""
    missing = sorted({f"{method} {template}" for method, template in routes} - POLICY.keys())
    if missing:
        raise RouteWithoutPolicy("no policy for " + ", ".join(missing))
