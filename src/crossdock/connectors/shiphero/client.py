"""ShipHero's API: signs in and asks. No retries, no mapping."""

from datetime import datetime
from typing import Any, TypeVar

import msgspec

from crossdock.connectors.shiphero.answers import Stopped, read
from crossdock.connectors.shiphero.wire import ACCOUNT, AccountRead
from crossdock.domain.outcome import Misconfigured, RetryLater
from crossdock.kit.errors import by_status, told_at
from crossdock.kit.http import AnswerLost, Line, NotSent, Response
from crossdock.kit.manifest import Unreachable

T = TypeVar("T")
TIMEOUT_S = 20.0
_JSON = {"content-type": "application/json", "accept": "application/json"}
_DAY_S = 86_400.0


class _Token(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: float = _DAY_S


class ShipHero:
    """One account, opened per call."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.settings = line.settings
        self._base = str(line.settings.get("base_url") or "https://public-api.shiphero.com").rstrip("/")
        self._signed_in_now = False
        self.told_at: datetime | None = None  # ShipHero's clock, by its last answer

    async def ask(self, document: str, variables: dict[str, Any], wanted: type[T], *, writes: bool = False) -> T:
        """Send one GraphQL document. Raises ``Stopped`` with an outcome, ``NotSent`` or ``AnswerLost``."""
        token = await self._token()
        body = msgspec.json.encode({"query": document, "variables": variables})
        headers = {**_JSON, "authorization": f"Bearer {token}"}
        response = await self.line.http.request(
            "POST", f"{self._base}/graphql", headers=headers, body=body, timeout_s=TIMEOUT_S
        )
        self.told_at = told_at(response.headers)
        if response.status == 401:
            raise Stopped(self._refused(response))
        return read(response, wanted, writes=writes, now=self.line.now)

    def _refused(self, response: Response) -> Misconfigured | RetryLater:
        """A token that was just fetched and is refused is a wrong account; an older one may have been revoked."""
        self.line.tokens.forget(self.line.connection)
        if self._signed_in_now:
            return Misconfigured(f"ShipHero refuses a fresh token (HTTP {response.status}): is the user still active?")
        return RetryLater("ShipHero no longer takes the access token: signing in again", 0.0, "token_refused")

    async def _token(self) -> str:
        try:
            return await self.line.tokens.get(self.line.connection, self._sign_in)
        except AnswerLost as lost:
            raise NotSent(f"signing in: {lost}") from lost  # the request itself has not left

    async def _sign_in(self) -> tuple[str, float]:
        """Access tokens live 28 days; a refresh token spares the password. Source: vendor's getting started."""
        self._signed_in_now = True
        secrets = self.line.secrets
        if secrets.get("refresh_token"):
            path, claim = "/auth/refresh", {"refresh_token": secrets["refresh_token"]}
        elif self.settings.get("username") and secrets.get("password"):
            path, claim = "/auth/token", {"username": self.settings["username"], "password": secrets["password"]}
        else:
            raise Stopped(Misconfigured("neither a refresh_token nor username and password are set"))
        response = await self.line.http.request(
            "POST", self._base + path, headers=_JSON, body=msgspec.json.encode(claim), timeout_s=TIMEOUT_S
        )
        refused = by_status(response, writes=False, now=self.line.now)
        if response.status == 400 or isinstance(refused, Misconfigured):
            raise Stopped(Misconfigured(f"ShipHero refuses to sign in (HTTP {response.status}): check the credentials"))
        if refused is not None:
            raise Stopped(refused)
        try:
            token = msgspec.json.decode(response.body, type=_Token, strict=False)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Stopped(RetryLater("signing in: the answer carries no token", code="unreadable")) from None
        return token.access_token, token.expires_in


async def check(client: ShipHero) -> str:
    """Sign in and name the account. Raises ``Unreachable``."""
    try:
        account = await client.ask(ACCOUNT, {}, AccountRead)
    except (Stopped, NotSent, AnswerLost) as error:
        raise Unreachable(f"ShipHero cannot be used: {error}") from error
    return f"account {account.account.data.legacy_id or account.account.data.id}"
