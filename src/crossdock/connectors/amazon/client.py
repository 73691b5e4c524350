"""One method per call to the Selling Partner API. No retries, no mapping.

Raises ``Failed`` with the classified outcome, or ``NotSent`` / ``AnswerLost`` from the door. Sign-in is Login with
Amazon (a refresh token gives access tokens of an hour); requests are not signed (Signature V4 is gone since 2023-10).
No restricted data token is used: the Orders API 2026-01-01 shows buyer and recipient by the app's roles.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from crossdock.connectors.amazon import answers, wire
from crossdock.connectors.amazon.answers import Denied, Failed, NotFound, lost
from crossdock.connectors.amazon.queue import Queue
from crossdock.connectors.amazon.standing import books_amazons
from crossdock.domain.outcome import Misconfigured, Rejected
from crossdock.kit.errors import told_at
from crossdock.kit.http import AnswerLost, Line, NotSent, Response

API_VERSION = "2026-01-01"
HOSTS = {
    "na": "https://sellingpartnerapi-na.amazon.com",
    "eu": "https://sellingpartnerapi-eu.amazon.com",
    "fe": "https://sellingpartnerapi-fe.amazon.com",
}
SIGN_IN = "https://api.amazon.com/auth/o2/token"
# Calls a second that the default usage plans restore (published models, read 2026-11).
RATES = {
    "searchOrders": 0.0056, "getOrder": 0.5, "confirmShipment": 2.0, "getMarketplaceParticipations": 0.016,
    "getReports": 0.0222, "getReportDocument": 0.0167, "getListingsItem": 5.0, "searchListingsItems": 5.0,
    "patchListingsItem": 5.0,
}  # fmt: skip
LISTINGS = "/listings/2021-08-01/items"
PER_PAGE = 20  # the most that a search of listings gives
REPORTS = "/reports/2021-06-30"
WHOLE = ("BUYER", "RECIPIENT", "PROCEEDS", "PROMOTION", "CANCELLATION", "FULFILLMENT", "TAX", "PAYMENT")
COMPARED = ("PROCEEDS", "PROMOTION", "CANCELLATION", "FULFILLMENT", "TAX", "PAYMENT")  # nothing of a person
SHIPPED = ("FULFILLMENT", "PACKAGES")
_AGENT = "Crossdock (Language=Python)"
_encode = msgspec.json.Encoder().encode


def listed(told: Any) -> tuple[str, ...]:
    """A setting that is a list, written as one or as text with commas."""
    parts = told.split(",") if isinstance(told, str) else told or ()
    return tuple(str(part).strip() for part in parts if str(part).strip())


class Client:
    """One seller's account, spoken to through one line. Cheap to open."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.told_at: datetime | None = None  # Amazon's clock, by its last answer
        settings = line.settings
        region = str(settings.get("api_region") or "na")
        self._base = str(settings.get("api_base") or HOSTS.get(region, "")).rstrip("/")
        self._sign_in = str(settings.get("auth_url") or SIGN_IN)
        self._timeout_s = float(settings.get("timeout_s") or 30.0)
        self._token_name = f"amazon:{line.connection}"

    @property
    def queue(self) -> Queue | None:
        """The queue that Amazon's notifications go to; ``None`` when none is set."""
        return Queue(self.line, self._timeout_s) if self.line.settings.get("queue_url") else None

    async def order(self, order_id: str, datasets: Sequence[str] = WHOLE) -> msgspec.Raw | None:
        """``getOrder``: the order as Amazon shows it now; ``None`` when it says that there is none."""
        query = {"includedData": ",".join(datasets)}
        path = f"/orders/{API_VERSION}/orders/{quote(order_id, safe='')}"
        try:
            found: wire.Got = await self._read("getOrder", path, query, wire.Got)
        except NotFound:
            return None
        return found.order

    async def search(
        self,
        since: datetime,
        until: datetime | None,
        first: int,
        after: str | None,
        *,
        by: str = "lastUpdated",
        datasets: Sequence[str] = WHOLE,
    ) -> wire.Searched:
        """``searchOrders``: one page of orders updated (or ``created``) since. ``after``: the page before's token."""
        query = {
            f"{by}After": text_of(since),
            "maxResultsPerPage": str(first),
            "includedData": ",".join(datasets),
        }
        if until is not None:
            query[f"{by}Before"] = text_of(until)
        if not books_amazons(self.line.settings):
            query["fulfilledBy"] = "MERCHANT"  # a search is dear: no page of it for what is left alone
        if ids := listed(self.line.settings.get("marketplace_ids")):
            query["marketplaceIds"] = ",".join(ids)
        if after is not None:
            query["paginationToken"] = after
        found: wire.Searched = await self._read("searchOrders", f"/orders/{API_VERSION}/orders", query, wire.Searched)
        return found

    async def confirm_shipment(self, order_id: str, confirmation: Mapping[str, Any]) -> None:
        """``confirmShipment`` (Orders v0, the part of it that stays): tell one package."""
        path = f"/orders/v0/orders/{quote(order_id, safe='')}/shipmentConfirmation"
        response = await self._ask("POST", path, _encode(confirmation))
        answers.accepted(response, rate_per_s=RATES["confirmShipment"])

    async def listing_item(self, sku: str) -> wire.ListingItem | None:
        """``getListingsItem``: what the seller lists of a SKU; ``None`` when Amazon says that there is nothing."""
        seller, places = self._seller()
        query = {"marketplaceIds": places, "includedData": "fulfillmentAvailability,productTypes,attributes,issues"}
        try:
            path = f"{LISTINGS}/{seller}/{quote(sku, safe='')}"
            found: wire.ListingItem = await self._read("getListingsItem", path, query, wire.ListingItem)
        except NotFound:
            return None
        return found

    async def listing_items(self, since: datetime | None, after: str | None) -> wire.ListingItems:
        """``searchListingsItems``: one page, by when they were made. ``after``: the page before's token."""
        seller, places = self._seller()
        query = {"marketplaceIds": places, "includedData": "summaries,fulfillmentAvailability"}
        query |= {"sortBy": "createdDate", "sortOrder": "ASC", "pageSize": str(PER_PAGE)}
        if since is not None:
            query["createdAfter"] = text_of(since)
        if after is not None:
            query["pageToken"] = after
        path = f"{LISTINGS}/{seller}"
        found: wire.ListingItems = await self._read("searchListingsItems", path, query, wire.ListingItems)
        return found

    async def patch_listing(self, sku: str, product_type: str, availability: Mapping[str, Any]) -> wire.Submitted:
        """``patchListingsItem``: submit what may be bought of a SKU. Processed later, in Amazon's time."""
        seller, places = self._seller()
        value = [{"op": "replace", "path": "/attributes/fulfillment_availability", "value": [availability]}]
        body = _encode({"productType": product_type, "patches": value})
        address = f"{LISTINGS}/{seller}/{quote(sku, safe='')}?{urlencode({'marketplaceIds': places})}"
        return answers.submitted(await self._ask("PATCH", address, body), rate_per_s=RATES["patchListingsItem"])

    def _seller(self) -> tuple[str, str]:
        """Whose listings, and where: a seller's stock is one number over the marketplaces of an account."""
        seller, places = self.line.settings.get("seller_id"), listed(self.line.settings.get("marketplace_ids"))
        if not seller or not places:
            text = "Stock needs the settings seller_id and marketplace_ids."
            raise Failed(Rejected("amazon.stock_settings", text, hint="Set both on the connection, then retry."))
        return quote(str(seller), safe=""), places[0]

    async def reports(self, type_: str, since: datetime, until: datetime | None, after: str | None) -> wire.Reports:
        """``getReports``: one page of reports of a type that are done. A token of the page before goes alone."""
        query = {"reportTypes": type_, "processingStatuses": "DONE", "pageSize": "100", "createdSince": text_of(since)}
        if until is not None:
            query["createdUntil"] = text_of(until)
        if after is not None:
            query = {"nextToken": after}
        found: wire.Reports = await self._read("getReports", f"{REPORTS}/reports", query, wire.Reports)
        return found

    async def report_document(self, document_id: str) -> wire.ReportDocument:
        """``getReportDocument``: where the report lies, for five minutes."""
        path = f"{REPORTS}/documents/{quote(document_id, safe='')}"
        found: wire.ReportDocument = await self._read("getReportDocument", path, {}, wire.ReportDocument)
        return found

    async def download(self, url: str) -> bytes:
        """A presigned document, as it lies there: no token is sent along. Raises ``Failed``."""
        own = str(self.line.settings.get("api_base") or "")
        if not url.startswith("https://") and not (own and url.startswith(own.rstrip("/") + "/")):
            raise Failed(lost("document_address", "Amazon names an address that is not https.", False))
        response = await self.line.http.request("GET", url, headers={"user-agent": _AGENT}, timeout_s=self._timeout_s)
        if response.status != 200:
            raise Failed(lost(f"http_{response.status}", f"The report's document answered {response.status}.", False))
        return response.body

    async def participations(self) -> tuple[wire.Participation, ...]:
        """The marketplaces this seller sells in."""
        path, name = "/sellers/v1/marketplaceParticipations", "getMarketplaceParticipations"
        found: wire.Participations = await self._read(name, path, {}, wire.Participations)
        return found.payload

    async def _read(self, operation: str, path: str, query: Mapping[str, str], type_: Any) -> Any:
        address = f"{path}?{urlencode(query)}" if query else path
        return answers.read(await self._ask("GET", address), type_, rate_per_s=RATES[operation])

    async def _ask(self, method: str, address: str, body: bytes = b"") -> Response:
        if not self._base:
            text = f"api_region is one of {', '.join(HOSTS)}, not {self.line.settings.get('api_region')!r}."
            raise Failed(Misconfigured(text, code="settings"))
        token, fresh = await self._token()
        headers = {"accept": "application/json", "user-agent": _AGENT, "x-amz-access-token": token}
        if body:
            headers["content-type"] = "application/json"
        response = await self.line.http.request(
            method, f"{self._base}{address}", headers=headers, body=body, timeout_s=self._timeout_s
        )
        self.told_at = told_at(response.headers)
        if response.status in (401, 403) and not fresh:
            self._forget(response, method != "GET")
        return response

    def _forget(self, response: Response, write: bool) -> None:
        """A token that was good may have been ended early: the next call signs in anew."""
        if isinstance(answers.refusal(response, write=write, rate_per_s=1.0), Denied):
            self.line.tokens.forget(self._token_name)
            raise Failed(lost("token_expired", "Amazon no longer takes our access token; a new one is fetched.", False))

    async def _token(self) -> tuple[str, bool]:
        """The access token, and whether it was fetched just now."""
        fetched = False

        async def refresh() -> tuple[str, float]:
            nonlocal fetched
            fetched = True
            return await self._refresh()

        return await self.line.tokens.get(self._token_name, refresh), fetched

    async def _refresh(self) -> tuple[str, float]:
        settings, secrets = self.line.settings, self.line.secrets
        grant = {
            "grant_type": "refresh_token",
            "refresh_token": secrets.get("refresh_token", ""),
            "client_id": str(settings.get("client_id") or ""),
            "client_secret": secrets.get("client_secret", ""),
        }
        try:
            response = await self.line.http.request(
                "POST",
                self._sign_in,
                headers={"content-type": "application/x-www-form-urlencoded;charset=UTF-8", "user-agent": _AGENT},
                body=urlencode(grant).encode(),
                timeout_s=self._timeout_s,
            )
        except AnswerLost as error:
            raise NotSent(f"the token was not answered, the call itself was not sent: {error}") from error
        granted = answers.token(response)
        return granted.access_token, granted.expires_in


def text_of(instant: datetime) -> str:
    """ISO 8601 in whole seconds, UTC, as Amazon takes it."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
