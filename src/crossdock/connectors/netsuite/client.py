"""One method per NetSuite call. No retries and no mapping; every answer is read, never trusted by its status."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec

from crossdock.connectors.netsuite.answers import MISSING, WITHHELD, Stopped, classify, error_of, retry_after
from crossdock.connectors.netsuite.wire import (
    Authorisation,
    CreditBody,
    Document,
    InvoiceBody,
    ItemReceipt,
    QueryPage,
    SalesOrder,
    TokenBody,
)
from crossdock.domain.outcome import Misconfigured, OutcomeUnknown, RateLimited, RetryLater
from crossdock.kit.errors import told_at
from crossdock.kit.http import AnswerLost, Line, NotSent, Response

T = TypeVar("T")

RECORD = "/services/rest/record/v1"
SUITEQL = "/services/rest/query/v1/suiteql"
TOKEN = "/services/rest/auth/oauth2/v1/token"  # noqa: S105 - a path
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

# A save with scripts takes 5 to 30 s (vendor facts, pitfall 14); the vendor's own limit is 15 min.
WRITE_TIMEOUT_S = 60.0
READ_TIMEOUT_S = 30.0
PAGE_ROWS = 1000
CLOCKS_AGREE = timedelta(seconds=30)

_encode = msgspec.json.Encoder(decimal_format="number").encode
_FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}


class NetSuite:
    """A NetSuite account. Opening one costs nothing: tokens live in the line's token store."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.settings: Mapping[str, Any] = line.settings
        self.base = base_url(line.settings)
        self.told_at: datetime | None = None  # NetSuite's clock, by its last answer
        self._unproven = ""  # a token minted by this client that NetSuite has not accepted yet

    async def sales_order(self, ref: str, *, lines: bool = False) -> SalesOrder | None:
        """The order by internal id or ``eid:<external id>``; None when NetSuite itself says there is none."""
        query = "expandSubResources=true" if lines else "fields=id,externalId,tranId,total,orderStatus"
        order = await self._read(f"/salesOrder/{ref}?{query}", SalesOrder)
        _readable(order)
        return order

    async def order_modified(self, ref: str) -> str | None:
        """When the order was last saved, as NetSuite writes it; None where it is gone."""
        order = await self._read(f"/salesOrder/{ref}?fields=id,lastModifiedDate", SalesOrder)
        return None if order is None else order.last_modified_date

    async def put_sales_order(self, external_id: str, document: dict[str, Any]) -> str:
        """Create by our id; the internal id. ``replace`` keeps a repeat from appending its lines a second time."""
        return await self._write("PUT", f"/salesOrder/eid:{external_id}?replace=item,taxDetails", document)

    async def patch_sales_order(self, ref: str, changes: dict[str, Any], *, whole: bool = False) -> str:
        """``whole``: lines and tax details named are all there are to be."""
        return await self._write("PATCH", f"/salesOrder/{ref}{'?replace=item,taxDetails' if whole else ''}", changes)

    async def transform(self, ref: str, target: str, document: dict[str, Any], source: str = "salesOrder") -> str:
        """Make a document out of another, as a fulfilment of a sales order; the new document's internal id."""
        return await self._write("POST", f"/{source}/{ref}/!transform/{target}", document)

    async def patch_authorisation(self, ref: str, changes: dict[str, Any]) -> str:
        return await self._write("PATCH", f"/returnAuthorization/{ref}", changes)

    async def authorisation(self, ref: str) -> Authorisation | None:
        """A return authorisation with its lines; None when NetSuite itself says there is none."""
        known = await self._read(f"/returnAuthorization/{ref}?expandSubResources=true", Authorisation)
        _readable(known)
        return known

    async def item_receipt(self, ref: str) -> ItemReceipt | None:
        """Goods that were taken in, with its lines; None when NetSuite itself says there is none."""
        known = await self._read(f"/itemReceipt/{ref}?expandSubResources=true", ItemReceipt)
        _readable(known)
        return known

    async def document(self, kind: str, ref: str, *, withheld: bool = False) -> Document | None:
        """Whether a document of which no more is read is there: by internal id or ``eid:<external id>``.

        ``withheld``: it is not, either, where NetSuite says that the role may not see this kind of record, or that the
        account does not have it.
        """
        return await self._read(f"/{kind}/{ref}?fields=id,tranId", Document, WITHHELD if withheld else frozenset())

    async def invoice(self, ref: str) -> InvoiceBody | None:
        fields = "id,tranId,total,taxTotal,amountRemaining,currency,createdDate"
        return await self._read(f"/invoice/{ref}?fields={fields}", InvoiceBody)

    async def create(self, kind: str, document: dict[str, Any]) -> str:
        """Make a record that is no transform of another; its internal id. A known external id is refused."""
        return await self._write("POST", f"/{kind}", document)

    async def credit_memo(self, ref: str, *, lines: bool = False) -> CreditBody | None:
        query = "expandSubResources=true" if lines else "fields=id,tranId,total"
        known = await self._read(f"/creditMemo/{ref}?{query}", CreditBody)
        _readable(known)
        return known

    async def query(self, suiteql: str) -> QueryPage:
        """The first page of a SuiteQL statement (paging is by key, not by offset)."""
        response = await self._send(
            "POST",
            f"{SUITEQL}?limit={PAGE_ROWS}&offset=0",
            _encode({"q": suiteql}),
            {"prefer": "transient"},
            READ_TIMEOUT_S,
        )
        return self._parsed(response, QueryPage)

    async def sign_in(self) -> None:
        """Get a token, fresh or kept; raises ``Stopped`` when NetSuite refuses us."""
        await self._token()

    async def _read(self, path: str, kind: type[T], absent: frozenset[str] = frozenset()) -> T | None:
        """``absent``: further codes of a refusal that mean that there is none."""
        response = await self._send("GET", RECORD + path, b"", {}, READ_TIMEOUT_S)
        error = error_of(response) if 400 <= response.status < 500 else None
        if error is not None and (error.code in absent or (response.status == 404 and error.code in MISSING)):
            return None
        return self._parsed(response, kind)

    async def _write(self, method: str, path: str, document: dict[str, Any]) -> str:
        response = await self._send(method, RECORD + path, _encode(document), {}, WRITE_TIMEOUT_S)
        if response.status == 204:
            location = response.headers.get("location", "")
            internal_id = location.rstrip("/").rsplit("/", 1)[-1]
            if internal_id.isdigit():
                return internal_id
            raise Stopped(
                OutcomeUnknown(detail=f"204 without a Location that ends in an id: {location!r}", code="no_location")
            )
        raise Stopped(classify(response, wrote=True))

    def _parsed(self, response: Response, kind: type[T]) -> T:
        if response.status != 200:
            raise Stopped(classify(response, wrote=False))
        try:
            return msgspec.json.decode(response.body, type=kind, strict=False)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Stopped(RetryLater(detail=f"unreadable 200: {error}", code="unreadable_answer")) from error

    async def _send(self, method: str, path: str, body: bytes, headers: dict[str, str], timeout_s: float) -> Response:
        """One request with a token. A lost answer to a read is only a reason to read again."""
        token = await self._token()
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json", **headers}
        reads = method == "GET" or path.startswith(SUITEQL)
        try:
            response = await self.line.http.request(
                method, self.base + path, headers=headers, body=body, timeout_s=timeout_s
            )
        except AnswerLost as error:
            if reads:
                raise Stopped(RetryLater(detail=f"no answer to a read: {error}", code="no_answer")) from error
            raise
        self.told_at = told_at(response.headers)
        if response.status == 401:
            raise Stopped(self._refused(response, token))
        self._unproven = ""
        return response

    def _refused(self, response: Response, token: str) -> RetryLater | Misconfigured:
        """401: a kept token may have been revoked, so sign in once more; one minted for this very call may not."""
        self.line.tokens.forget(self.line.connection)
        error = error_of(response)
        detail = f"{error.code}: {error.text}" if error else "HTTP 401"
        if token == self._unproven:
            return Misconfigured(detail=f"NetSuite refuses a fresh token. {detail}")
        return RetryLater(detail=f"token refused, signing in again. {detail}", after_s=0.5, code="token_refused")

    async def _token(self) -> str:
        return await self.line.tokens.get(self.line.connection, self._sign_in)

    async def _sign_in(self) -> tuple[str, float]:
        """Exchange a signed assertion for an access token (60 min): the OAuth 2.0 client credentials flow.

        An assertion carries times, and a machine's clock may be hours off: a refusal by a NetSuite whose clock says
        otherwise is answered with one that carries NetSuite's time.
        """
        ours = self.line.now()
        response = await self._granted(ours)
        if (
            response.status in (400, 401, 403)
            and (theirs := told_at(response.headers))
            and abs(theirs - ours) > CLOCKS_AGREE
        ):
            response = await self._granted(theirs)
        if response.status == 200:
            granted = self._parsed(response, TokenBody)
            self._unproven = granted.access_token
            return granted.access_token, float(granted.expires_in)
        raise Stopped(_token_refusal(response))

    async def _granted(self, now: datetime) -> Response:
        grant = f"grant_type=client_credentials&client_assertion_type={ASSERTION_TYPE}"
        body = f"{grant}&client_assertion={self._assertion(now)}"
        try:
            return await self.line.http.request(
                "POST", self.base + TOKEN, headers=_FORM, body=body.encode(), timeout_s=READ_TIMEOUT_S
            )
        except AnswerLost as error:
            raise NotSent(f"no answer from the token endpoint, nothing else was sent: {error}") from error

    def _assertion(self, now: datetime) -> str:
        import jwt  # with cryptography some 10 MB, which only a process that signs in needs

        settings = self.settings
        claims = {
            "iss": str(settings["client_id"]),
            "scope": "rest_webservices",
            "aud": self.base + TOKEN,
            "iat": now,
            "exp": now + timedelta(minutes=5),
            "jti": self.line.unique(),
        }
        try:
            return jwt.encode(
                claims,
                self.line.secrets["private_key"],
                algorithm=settings.get("algorithm", "PS256"),
                headers={"kid": str(settings["certificate_id"])},
            )
        except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
            detail = f"the private key cannot sign: {error}. It must be a PEM key that fits the setting `algorithm`."
            raise Stopped(Misconfigured(detail=detail, code="private_key")) from error


def _readable(document: SalesOrder | Authorisation | ItemReceipt | CreditBody | None) -> None:
    """Lines are decoded when they are asked for: what cannot be is no answer."""
    try:
        if document is not None:
            document.lines()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Stopped(RetryLater(detail=f"unreadable lines: {error}", code="unreadable_answer")) from error


def base_url(settings: Mapping[str, Any]) -> str:
    """``base_url`` when set, else the account's own host: account 1234567_SB1 lives at 1234567-sb1.suitetalk…"""
    given = settings.get("base_url")
    if given:
        return str(given).rstrip("/")
    host = str(settings["account_id"]).lower().replace("_", "-")
    return f"https://{host}.suitetalk.api.netsuite.com"


def _token_refusal(response: Response) -> RateLimited | RetryLater | Misconfigured:
    if response.status == 429:
        return RateLimited(after_s=retry_after(response) or 1.0, detail="token endpoint")
    try:
        body = msgspec.json.decode(response.body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        body = {}
    if response.status in (400, 401, 403) and "error" in body:
        reason = f"{body['error']} {body.get('error_description', '')}".strip()
        hint = "check client_id, certificate_id, algorithm, and the certificate's mapping (a sandbox refresh wipes it)"
        return Misconfigured(detail=f"NetSuite refuses our sign-in: {reason}; {hint}")
    return RetryLater(detail=f"token endpoint answered HTTP {response.status}", code="token_unavailable")
