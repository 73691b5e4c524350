"""Every error answer intake can give: stable code, HTTP status, title, and what the sender or operator should do."""

import re
from collections.abc import Mapping
from types import MappingProxyType

import msgspec


class Kind(msgspec.Struct, frozen=True):
    """One entry of the catalogue. ``retry_after_s`` becomes the Retry-After header."""

    status: int
    title: str
    hint: str
    retry_after_s: int | None = None


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """An RFC 9457 answer."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    hint: str = ""


PROBLEMS: Mapping[str, Kind] = MappingProxyType(
    {
        "not_found": Kind(404, "There is nothing here", "Webhooks are sent to /in/<system>/<connection>."),
        "unknown_connection": Kind(
            404,
            "No such connection takes webhooks",
            "Compare the address with `connections` in crossdock.yaml; the system and the name must both match.",
        ),
        "method_not_allowed": Kind(405, "Only POST is served here", "Send webhooks with POST."),
        "slow_body": Kind(408, "The body did not arrive in time", "Send the whole body without pauses."),
        "too_large": Kind(
            413, "The body is too large", "Raise serve.max_body_bytes if this sender's messages really are this large."
        ),
        "content_type": Kind(415, "Unsupported content type", "Send application/json."),
        "content_encoding": Kind(415, "Unsupported content encoding", "Send the body uncompressed."),
        "rate_limited": Kind(
            429,
            "Too many requests from this address",
            "Raise serve.source_rate_per_s if they are genuine; a proxy in front belongs into serve.trusted_proxies.",
            1,
        ),
        "signature": Kind(
            401,
            "The signature does not fit the body",
            "Check that the connection's webhook secret is the one the sender signs with; while it is being rotated, "
            "configure both.",
        ),
        "body_empty": Kind(400, "The body is empty", "Send the message as the body."),
        "body_malformed": Kind(400, "The body is not JSON", "Send one JSON document."),
        "body_encoding": Kind(400, "The body is not UTF-8", "Send JSON encoded as UTF-8."),
        "body_number": Kind(400, "The body contains something that is no number", "Send finite decimal numbers."),
        "body_duplicate_key": Kind(400, "An object has the same key twice", "Send each key once per object."),
        "body_depth": Kind(400, "The body is nested too deeply", "Send flatter JSON."),
        "body_nul": Kind(400, "The body contains NUL characters", "Send text without U+0000."),
        "not_identified": Kind(
            400, "The message does not say what it is about", "Compare it with the connection's README: topic and ids."
        ),
        "no_secret": Kind(
            503,
            "The connection has no webhook secret",
            "Set the secret in crossdock.yaml; `crossdock check` names it.",
            60,
        ),
        "store_unavailable": Kind(
            503,
            "The message could not be stored now",
            "Nothing was accepted. Send it again; see the database's health.",
            5,
        ),
        "overloaded": Kind(
            503, "Too many messages are waiting to be stored", "Nothing was accepted. Send it again.", 1
        ),
        "stopping": Kind(503, "This process is stopping", "Nothing was accepted. Send it again.", 1),
        "internal": Kind(500, "Crossdock failed on this message", "Nothing was accepted. The log names the place.", 5),
    }
)

_BY_STATUS = {401: "signature", 403: "signature", 404: "unknown_connection", 413: "too_large", 415: "content_type"}
_encode = msgspec.json.Encoder().encode
_CODE = re.compile(r"[a-z][a-z0-9_]{0,59}")

Answer = tuple[int, list[tuple[str, str]], bytes]  # status, headers but the length, body


def answer(code: str, detail: str = "", *, extra: tuple[tuple[str, str], ...] = ()) -> Answer:
    """Status, headers and body for a code of the catalogue."""
    return _render(code, PROBLEMS[code], detail, extra)


def refusal(code: str, detail: str, status: int) -> Answer:
    """The answer for a connector's refusal: its own code where that is well-formed, the catalogue's hint by status."""
    kind = PROBLEMS.get(code) or PROBLEMS[_BY_STATUS.get(status, "not_identified")]
    shown = code if _CODE.fullmatch(code) else _BY_STATUS.get(status, "not_identified")
    return _render(shown, msgspec.structs.replace(kind, status=status), detail, ())


def _render(code: str, kind: Kind, detail: str, extra: tuple[tuple[str, str], ...]) -> Answer:
    body = _encode(
        Problem(f"urn:crossdock:problem:{code}", kind.title, kind.status, code, detail or kind.title, kind.hint)
    )
    headers = [("content-type", "application/problem+json"), *extra]
    if kind.retry_after_s is not None:
        headers.append(("retry-after", str(kind.retry_after_s)))
    return kind.status, headers, body
