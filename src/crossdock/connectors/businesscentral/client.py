"""One method per Business Central call. No retries, no mapping; every answer is read, never trusted by its status."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from crossdock.connectors.businesscentral.answers import (
    ALREADY,
    GONE,
    UNREADABLE,
    Stopped,
    classify,
    decoded,
    error_of,
    retry_after,
)
from crossdock.connectors.businesscentral.wire import (
    BatchBody,
    CreditMemo,
    CustomerBody,
    Listed,
    Orders,
    Part,
    SalesOrder,
    Subscription,
    Subscriptions,
    TokenBody,
)
from crossdock.domain.outcome import Misconfigured, OutcomeUnknown, RateLimited, RetryLater
from crossdock.kit.errors import told_at
from crossdock.kit.http import AnswerLost, Line, NotSent, Response

T = TypeVar("T")

API_HOST = "https://api.businesscentral.dynamics.com"
LOGIN_HOST = "https://login.microsoftonline.com"
SCOPE = f"{API_HOST}/.default"
LINES = "$expand=salesOrderLines"

# Posting takes seconds; the vendor's own limits are 8 min an operation and 10 min a request (vendor facts, limits).
WRITE_TIMEOUT_S = 100.0
READ_TIMEOUT_S = 30.0
LARGEST_BATCH = 100

_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_encode = msgspec.json.Encoder(decimal_format="number").encode
_FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}


def is_guid(ref: str) -> bool:
    return _GUID.fullmatch(ref) is not None


def quoted(text: str) -> str:
    """A string literal of a filter, fit for an address."""
    return quote("'" + text.replace("'", "''") + "'")


class Ask(msgspec.Struct, frozen=True):
    """One request of a batch. ``match``: the ETag that must still stand there, ``*`` for whatever does."""

    method: str
    path: str  # below the company
    body: dict[str, Any] | None = None
    match: str | None = None


class BusinessCentral:
    """A company in an environment. Opening one costs nothing: tokens live in the line's token store."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.settings: Mapping[str, Any] = line.settings
        self.api = api_url(line.settings)
        self._company = f"companies({line.settings['company_id']})"
        self.told_at: datetime | None = None  # the vendor's clock, by its last answer
        self._unproven = ""  # a token minted by this client that nobody has accepted yet

    async def sales_order(self, ref: str) -> SalesOrder | None:
        """The order with its lines, by id, or by our external number or its own; None when there surely is none."""
        if is_guid(ref):
            response = await self._send("GET", f"{self._company}/salesOrders({ref})?{LINES}", wrote=False)
            if self._is_gone(response):
                return None
            return self._parsed(response, SalesOrder, wrote=False)
        for field in ("externalDocumentNumber", "number"):
            path = f"{self._company}/salesOrders?$filter={field}%20eq%20{quoted(ref.upper())}&{LINES}"
            found = self._parsed(await self._send("GET", path, wrote=False), Orders, wrote=False).value
            if len(found) == 1:
                return found[0]
        return None

    async def create_order(self, header: dict[str, Any]) -> SalesOrder:
        """Make a sales order without lines. A repeat makes a second one."""
        response = await self._send("POST", f"{self._company}/salesOrders", header, wrote=True)
        if response.status != 201:
            raise Stopped(classify(response, wrote=True))
        return decoded(response.body, SalesOrder, wrote=True)

    async def delete_order(self, order: SalesOrder) -> bool:
        """Delete the order as it was read; False when it is gone already."""
        path = f"{self._company}/salesOrders({order.id})"
        response = await self._send("DELETE", path, wrote=True, headers={"if-match": order.etag})
        if response.status == 204:
            return True
        if self._is_gone(response):
            return False
        raise Stopped(classify(response, wrote=True))

    async def delete_credit(self, draft: CreditMemo) -> None:
        """Delete a draft credit memo as it was read; one that is gone already is as well."""
        path = f"{self._company}/salesCreditMemos({draft.id})"
        response = await self._send("DELETE", path, wrote=True, headers={"if-match": draft.etag})
        if response.status != 204 and not self._is_gone(response):
            raise Stopped(classify(response, wrote=True))

    async def customer_number(self, ref: str) -> str:
        """The number of a customer by id: journals know customers by it alone."""
        response = await self._send("GET", f"{self._company}/customers({ref})", wrote=False)
        return self._parsed(response, CustomerBody, wrote=False).number

    async def listed(self, path: str, *, page: int, replica: bool = True) -> Listed:
        """A page of a list. A replica may be a little behind: for polls, never for a decision to write."""
        return await self.listed_as(Listed, path, page=page, replica=replica)

    async def listed_as(self, kind: type[T], path: str, *, page: int, replica: bool = True) -> T:
        """The same with rows as typed structs."""
        headers = {"prefer": f"odata.maxpagesize={page}"} | ({"data-access-intent": "ReadOnly"} if replica else {})
        response = await self._send("GET", f"{self._company}/{path}", wrote=False, headers=headers)
        return self._parsed(response, kind, wrote=False)

    async def subscriptions(self) -> list[Subscription]:
        """What this environment notifies of, to whom, and until when."""
        return self._parsed(await self._send("GET", "subscriptions", wrote=False), Subscriptions, wrote=False).value

    async def subscribe(self, resource: str, url: str, state: str) -> None:
        """Be notified for three days. Business Central first asks ``url`` whether it is there."""
        body = {"notificationUrl": url, "resource": resource, "clientState": state}
        response = await self._send("POST", "subscriptions", body, wrote=True)
        if response.status != 201:
            raise Stopped(classify(response, wrote=True))
        decoded(response.body, Subscription, wrote=True)

    async def renew(self, known: Subscription, state: str) -> None:
        """Three more days from now, and another word."""
        body = {"notificationUrl": known.notification_url, "resource": known.resource, "clientState": state}
        path = f"subscriptions({quoted(known.subscription_id)})"
        response = await self._send("PATCH", path, body, wrote=True, headers={"if-match": known.etag})
        if response.status != 200:
            raise Stopped(classify(response, wrote=True))
        decoded(response.body, Subscription, wrote=True)

    async def companies(self) -> Listed:
        return self._parsed(await self._send("GET", "companies", wrote=False), Listed, wrote=False)

    async def read(self, *paths: str) -> list[msgspec.Raw]:
        """Several reads in one request, each answered; the bodies in order."""
        asks = [Ask("GET", path) for path in paths]
        parts = await self._batch(asks, wrote=False)
        refused = next((part for part in parts if part.status != 200), None)
        if refused is not None:
            raise Stopped(classify(_response(refused), wrote=False))
        if len(parts) != len(asks):
            raise Stopped(RetryLater("the batch was answered in part", code="unreadable_answer"))
        return [part.body for part in parts]

    async def together(self, asks: Sequence[Ask], *, posts: int | None = None) -> list[Part]:
        """Writes in one transaction: all of them or, when one is refused, none.

        ``posts``: the place of a posting, which commits: what is refused after it leaves its effect standing. Returns
        the answers, all of them successes; raises ``Stopped`` for the first that is refused.
        """
        parts = await self._batch(asks, wrote=True)
        refused = next((part for part in parts if part.status >= 400), None)
        if refused is not None and posts is not None and parts.index(refused) > posts:
            raise Stopped(OutcomeUnknown(f"posted; reading it back was answered {refused.status}", code="read_failed"))
        if refused is not None:
            raise Stopped(classify(_response(refused), wrote=True))
        if len(parts) != len(asks) or any(not 200 <= part.status < 300 for part in parts):
            raise Stopped(OutcomeUnknown("the batch was answered in part", code="unreadable_answer"))
        return parts

    async def sign_in(self) -> None:
        """Get a token, fresh or kept; raises ``Stopped`` when Entra ID refuses us."""
        await self._token()

    async def _batch(self, asks: Sequence[Ask], *, wrote: bool) -> list[Part]:
        requests = [self._inner(number, ask) for number, ask in enumerate(asks, 1)]
        headers = {"isolation": "snapshot"} if wrote else {"prefer": "odata.continue-on-error"}
        response = await self._send("POST", "$batch", {"requests": requests}, wrote=wrote, headers=headers)
        parts = self._parsed(response, BatchBody, wrote=wrote).responses
        order = [part.id for part in parts]
        if order != [str(number) for number in range(1, len(parts) + 1)]:
            unsure = f"the batch was answered out of order: {order}"
            raise Stopped(OutcomeUnknown(unsure, "unreadable_answer") if wrote else RetryLater(unsure))
        return parts

    def _inner(self, number: int, ask: Ask) -> dict[str, Any]:
        request: dict[str, Any] = {"id": str(number), "method": ask.method, "url": f"{self._company}/{ask.path}"}
        if ask.body is not None or ask.match is not None:
            request["headers"] = {"Content-Type": "application/json"} if ask.body is not None else {}
            if ask.match is not None:
                request["headers"]["If-Match"] = ask.match
        if ask.body is not None:
            request["body"] = ask.body
        return request

    def _is_gone(self, response: Response) -> bool:
        error = error_of(response.body) if response.status == 404 else None
        return error is not None and error.error.code in GONE

    def _parsed(self, response: Response, kind: type[T], *, wrote: bool) -> T:
        if response.status != 200:
            raise Stopped(classify(response, wrote=wrote))
        return decoded(response.body, kind, wrote=wrote)

    async def _send(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        wrote: bool,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """One request with a token. A lost answer to a read is only a reason to read again."""
        token = await self._token()
        sent = {"authorization": f"Bearer {token}", "accept": "application/json", **(headers or {})}
        if body is not None:
            sent["content-type"] = "application/json"
        raw = b"" if body is None else _encode(body)
        timeout_s = WRITE_TIMEOUT_S if wrote else READ_TIMEOUT_S
        try:
            response = await self.line.http.request(
                method, f"{self.api}/{path}", headers=sent, body=raw, timeout_s=timeout_s
            )
        except AnswerLost as error:
            if not wrote:
                raise Stopped(RetryLater(f"no answer to a read: {error}", code="no_answer")) from error
            raise
        self.told_at = told_at(response.headers)
        if response.status == 401:
            raise Stopped(self._refused(response, token))
        self._unproven = ""
        return response

    def _refused(self, response: Response, token: str) -> RetryLater | Misconfigured:
        """401: a kept token may have been revoked, so sign in once more; one minted for this very call may not."""
        self.line.tokens.forget(self.line.connection)
        error = error_of(response.body)
        detail = f"{error.error.code}: {error.error.message}" if error else "HTTP 401"
        if token == self._unproven:
            hint = "is the application set up in Business Central (Microsoft Entra applications) and enabled?"
            return Misconfigured(f"Business Central refuses a fresh token. {detail}; {hint}")
        return RetryLater(f"token refused, signing in again. {detail}", after_s=0.5, code="token_refused")

    async def _token(self) -> str:
        return await self.line.tokens.get(self.line.connection, self._sign_in)

    async def _sign_in(self) -> tuple[str, float]:
        """OAuth 2.0 client credentials: a token of about an hour."""
        settings = self.settings
        login = str(settings.get("login_url") or LOGIN_HOST).rstrip("/")
        form = {
            "grant_type": "client_credentials",
            "client_id": str(settings["client_id"]),
            "client_secret": self.line.secrets["client_secret"],
            "scope": SCOPE,
        }
        url = f"{login}/{settings['tenant']}/oauth2/v2.0/token"
        try:
            response = await self.line.http.request(
                "POST", url, headers=_FORM, body=urlencode(form).encode(), timeout_s=READ_TIMEOUT_S
            )
        except AnswerLost as error:
            raise NotSent(f"no answer from the token endpoint, nothing else was sent: {error}") from error
        if response.status != 200:
            raise Stopped(_token_refusal(response))
        granted = decoded(response.body, TokenBody, wrote=False)
        try:
            lives_s = float(granted.expires_in)
        except ValueError as error:
            raise Stopped(RetryLater(f"unreadable token: {error}", code="unreadable_answer")) from error
        self._unproven = granted.access_token
        return granted.access_token, lives_s


def api_url(settings: Mapping[str, Any]) -> str:
    """Where the environment's API v2.0 is, without a slash at the end."""
    base = str(settings.get("base_url") or API_HOST).rstrip("/")
    return f"{base}/v2.0/{settings['tenant']}/{quote(str(settings['environment']))}/api/v2.0"


def already_there(stopped: Stopped) -> bool:
    """Whether the refusal means that a line with our number stands already."""
    code = getattr(stopped.outcome, "code", "")
    return code in {known.lower() for known in ALREADY}


def _response(part: Part) -> Response:
    return Response(part.status, {name.lower(): value for name, value in part.headers.items()}, bytes(part.body))


def _token_refusal(response: Response) -> RateLimited | RetryLater | Misconfigured:
    if response.status == 429:
        return RateLimited(after_s=retry_after(response) or 1.0, detail="token endpoint")
    try:
        body = msgspec.json.decode(response.body, type=dict[str, Any])
    except UNREADABLE:
        body = {}
    if response.status in (400, 401, 403) and "error" in body:
        reason = f"{body['error']} {body.get('error_description', '')}".strip()
        hint = "check tenant, client_id and client_secret (secrets end), and that consent was given"
        return Misconfigured(f"Entra ID refuses our sign-in: {reason}; {hint}")
    return RetryLater(f"token endpoint answered HTTP {response.status}", code="token_unavailable")
