"""Shopify's three privacy webhooks: who asks for what. Of the person only ids are read.

Sources: shopify.dev "privacy law compliance", read 2026-11; a customer may be named by e-mail alone.
"""

import msgspec

from crossdock.connectors.shopify.topics import PRIVACY_DAYS, PRIVACY_REQUESTS
from crossdock.domain.events import PrivacyAsked


class _Named(msgspec.Struct, frozen=True):
    id: int | str | None = None


class _Asked(msgspec.Struct, frozen=True):
    shop_id: int | str | None = None
    customer: _Named | None = None
    orders_requested: tuple[int | str, ...] | None = None
    orders_to_redact: tuple[int | str, ...] | None = None
    data_request: _Named | None = None


_asked = msgspec.json.Decoder(_Asked).decode


def asked_of(connection: str, topic: str, body: bytes) -> PrivacyAsked:
    """What the message asks for; raises ``msgspec.ValidationError`` naming the field that is off."""
    told, request = _asked(body), PRIVACY_REQUESTS[topic]
    subject = told.shop_id if request == "shop_redact" else _id(told.customer)
    orders = told.orders_requested or told.orders_to_redact or ()
    return PrivacyAsked(
        request, connection, PRIVACY_DAYS, _text(subject), tuple(map(str, orders)), _text(_id(told.data_request))
    )


def _id(named: _Named | None) -> int | str | None:
    return None if named is None else named.id


def _text(id_: int | str | None) -> str:
    return "" if id_ is None else str(id_)
