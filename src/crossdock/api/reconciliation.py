"""Reconciliation and day closes as people and programs read them. What is to be done is done to orders."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.params import FromPath, FromQuery, QueryParameter

from crossdock.api.guard import desk_of
from crossdock.api.problems import Refusal
from crossdock.domain.reconciling import DIFFERENCES, SEVERITIES
from crossdock.store import certificates, reading_differences
from crossdock.store.certificates import CertificateRow
from crossdock.store.reading_differences import STATES, DifferencePage, KindRow, RouteRow

Asking = Request[Any, Any, Any]
Limit = Annotated[int, QueryParameter(ge=1, le=200)]
Below = Annotated[int | None, QueryParameter(ge=1, description="The cursor: what the page before gave as `below`.")]
State = Annotated[str, QueryParameter(name="state", description="open, suspected or settled.")]
# At least so old, in seconds.
AGES: Mapping[str, float] = {"hour": 3600.0, "day": 86_400.0, "week": 604_800.0}


class Overview(msgspec.Struct, frozen=True):
    """Open differences by kind and age, and how each route's newest round went."""

    kinds: list[KindRow]
    routes: list[RouteRow]


class CertificateView(msgspec.Struct, frozen=True):
    """One day close: what it certifies, as signed, and its place in the chain of its date."""

    id: int
    business_date: date
    certificate: dict[str, Any]
    signature: dict[str, Any]


class Filters(msgspec.Struct, frozen=True):
    """Which differences are asked for. Empty: all."""

    state: str = "open"
    kind: str = ""
    channel: str = ""
    severity: str = ""
    age: str = ""

    def checked(self) -> "Filters":
        """Raises ``Refusal(bad_request)`` for words that there are not."""
        for name, known in (("state", STATES), ("kind", DIFFERENCES), ("severity", SEVERITIES), ("age", AGES)):
            word = getattr(self, name)
            if word and word not in known:
                raise Refusal("bad_request", f"There is no {name} '{word}'. There are: {', '.join(known)}.")
        return self


async def differences(request: Asking, filters: Filters, below: int | None, limit: int) -> DifferencePage:
    """One page of differences. Raises ``Refusal(bad_request)``."""
    asked = filters.checked()
    return await reading_differences.page(
        desk_of(request).pool,
        state=asked.state or "open",
        kind=asked.kind or None,
        channel=asked.channel or None,
        severity=asked.severity or None,
        older_s=AGES.get(asked.age, 0.0),
        below=below,
        limit=limit,
    )


async def overview(request: Asking, channel: str = "") -> Overview:
    pool = desk_of(request).pool
    return Overview(await reading_differences.kinds(pool, channel or None), await reading_differences.routes(pool))


@get("/api/v1/differences")
async def list_differences(
    request: Asking,
    standing: State = "open",
    kind: FromQuery[str] = "",
    channel: FromQuery[str] = "",
    severity: FromQuery[str] = "",
    age: FromQuery[str] = "",
    below: Below = None,
    limit: Limit = 50,
) -> DifferencePage:
    """What channel, Crossdock and ERP tell differently, newest first. `age`: at least an hour, a day, a week."""
    return await differences(request, Filters(standing, kind, channel, severity, age), below, limit)


@get("/api/v1/reconciliation")
async def reconciliation(request: Asking, channel: FromQuery[str] = "") -> Overview:
    """Open differences by kind and age, and how each route's newest round went."""
    return await overview(request, channel)


@get("/api/v1/closes")
async def list_closes(request: Asking, below: Below = None, limit: Limit = 50) -> list[CertificateRow]:
    """Day closes, newest first; one that was corrected says so."""
    return await closes(request, below, limit)


async def closes(request: Asking, below: int | None, limit: int) -> list[CertificateRow]:
    return await certificates.page(desk_of(request).pool, below, limit)


async def close_of(request: Asking, close: int) -> certificates.Whole:
    """Raises ``Refusal(not_found)``."""
    whole = await certificates.whole(desk_of(request).pool, close)
    if whole is None:
        raise Refusal("not_found", f"There is no day close {close}.")
    return whole


async def view(request: Asking, close: int) -> CertificateView:
    whole = await close_of(request, close)
    file = msgspec.json.decode(whole.file)
    return CertificateView(whole.id, whole.business_date, file["certificate"], file["signature"])


@get("/api/v1/closes/{close:int}")
async def one_close(request: Asking, close: FromPath[int]) -> CertificateView:
    """One day close. Its file, byte for byte as signed, is at `/closes/{close}/file`."""
    return await view(request, close)


@get("/api/v1/closes/{close:int}/file", media_type="application/json")
async def close_file(request: Asking, close: FromPath[int]) -> Response[bytes]:
    """The certificate's file, exactly as signed: what `crossdock verify-close` takes."""
    whole = await close_of(request, close)
    return _download(whole.file, f"day-close-{whole.business_date}-{whole.id}.json", "application/json")


@get("/api/v1/closes/{close:int}/list", media_type="application/x-ndjson")
async def close_list(request: Asking, close: FromPath[int]) -> Response[bytes]:
    """The list that the certificate's digest is of: a line for each order."""
    whole = await close_of(request, close)
    return _download(whole.listed, f"day-close-{whole.business_date}-{whole.id}.jsonl", "application/x-ndjson")


def _download(content: bytes, name: str, kind: str) -> Response[bytes]:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=kind, headers=headers)


HANDLERS = [list_differences, reconciliation, list_closes, one_close, close_file, close_list]

__all__ = [
    "AGES",
    "DIFFERENCES",
    "HANDLERS",
    "SEVERITIES",
    "Filters",
    "Overview",
    "closes",
    "differences",
    "overview",
    "view",
]
