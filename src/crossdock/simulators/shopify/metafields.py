"""Metafields of orders: all of a call or none, and compare-and-set where a digest is named.

``compareDigest`` null: only where there is none; not sent: whatever is there. Source: Admin API 2026-10,
``metafieldsSet``.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from crossdock.simulators.shopify.books import ShopBooks, numeric

Key = tuple[int, str, str]
_LARGEST = 25


def set_all(books: ShopBooks, wanted: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The refusals as ``userErrors``; none, and everything is written."""
    errors = [_error("Too many metafields.", "LESS_THAN_OR_EQUAL_TO", 0)] if len(wanted) > _LARGEST else []
    for index, one in enumerate(wanted):
        if (refused := _refusal(books, one)) is not None:
            errors.append(_error(*refused, index))
    if not errors:
        for one in wanted:
            books.metafields[_key(one)] = str(one["value"])
    return errors


def shown(books: ShopBooks, one: Mapping[str, Any]) -> dict[str, Any] | None:
    """As GraphQL tells it; None where the order has none of that name."""
    key = _key(one)
    value = books.metafields.get(key)
    if value is None:
        return None
    order_id, namespace, name = key
    ref = f"gid://shopify/Metafield/{order_id}{int(digest(namespace + name)[:6], 16)}"
    told = {"__typename": "Metafield", "id": ref, "namespace": namespace, "key": name, "value": value}
    return {**told, "compareDigest": digest(value)}


def digest(value: str) -> str:
    return sha256(value.encode()).hexdigest()


def _refusal(books: ShopBooks, one: Mapping[str, Any]) -> tuple[str, str] | None:
    if numeric(one["ownerId"]) not in books.orders:
        return "Owner does not exist.", "INVALID"
    if not 2 <= len(str(one["key"])) <= 64:
        return "key must be 2-64 characters long.", "TOO_LONG"
    there = books.metafields.get(_key(one))
    if "compareDigest" in one and one["compareDigest"] != (None if there is None else digest(there)):
        return "The resource has been updated since it was loaded. Try again with an updated `compareDigest` value.", (
            "STALE_OBJECT"
        )
    return None


def _key(one: Mapping[str, Any]) -> Key:
    return numeric(one["ownerId"]), str(one["namespace"]), str(one["key"])


def _error(message: str, code: str, index: int) -> dict[str, Any]:
    field = ["metafields", str(index)]
    return {
        "__typename": "MetafieldsSetUserError", "field": field, "message": message, "code": code, "elementIndex": index,
    }  # fmt: skip
