"""The console's pages of reconciliation and of day closes."""

from typing import Any
from urllib.parse import urlencode

from litestar import Response, get
from litestar.params import FromPath, FromQuery

from crossdock.api import connections, reconciliation
from crossdock.api.guard import desk_of
from crossdock.api.reconciliation import AGES, DIFFERENCES, SEVERITIES, Filters
from crossdock.console.rendering import Asking, page

PAGE = 50
CLOSES = 20
PLACE = "/reconciliation"
TONES = {"high": "bad", "medium": "warn", "low": ""}
REPAIRS = {
    "read_back": "read from the channel again, by itself",
    "book_again": "a retry of the order books it again",
    "ask": "a person settles it",
}


@get("/reconciliation", include_in_schema=False)
async def reconciliation_page(
    request: Asking,
    standing: reconciliation.State = "open",
    kind: FromQuery[str] = "",
    channel: FromQuery[str] = "",
    severity: FromQuery[str] = "",
    age: FromQuery[str] = "",
    below: reconciliation.Below = None,
) -> Response[str]:
    filters = Filters(standing, kind, channel, severity, age)
    found = await reconciliation.differences(request, filters, below, PAGE)
    overview = await reconciliation.overview(request)
    names = {"state": standing if standing != "open" else "", "kind": kind, "channel": channel, "severity": severity}
    links = await connections.connections(desk_of(request))
    return page(
        request,
        "reconciliation.html",
        place=PLACE,
        page=found,
        overview=overview,
        filters=filters,
        query=urlencode({name: value for name, value in {**names, "age": age}.items() if value}),
        below=below,
        kinds=DIFFERENCES,
        severities=SEVERITIES,
        ages=list(AGES),
        tones=TONES,
        repairs=REPAIRS,
        channels=[link.health.name for link in links if link.health.role == "channel"],
        closes=await reconciliation.closes(request, None, CLOSES),
    )


@get("/closes/{close:int}", include_in_schema=False)
async def close_page(request: Asking, close: FromPath[int]) -> Response[Any]:
    return page(request, "close.html", place=PLACE, v=await reconciliation.view(request, close))


@get("/closes", include_in_schema=False)
async def closes_page(request: Asking, below: reconciliation.Below = None) -> Response[str]:
    rows = await reconciliation.closes(request, below, PAGE + 1)
    return page(request, "closes.html", place=PLACE, closes=rows, limit=PAGE)


PAGES = [reconciliation_page, closes_page, close_page]
