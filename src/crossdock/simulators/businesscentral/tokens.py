"""Microsoft Entra ID, as far as an application needs it: client credentials, tokens that live an hour."""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import parse_qs

import msgspec

from crossdock.simulators.base import Reply, Request
from crossdock.simulators.businesscentral.catalogue import (
    ACCOUNTS,
    CHART,
    GENERAL_JOURNAL,
    LOCAL_CURRENCY,
    PAYMENT_JOURNAL,
    TAX_RATES,
    guid,
)

LIFE = timedelta(minutes=60)
SCOPE = "https://api.businesscentral.dynamics.com/.default"


class Registration(msgspec.Struct, frozen=True):
    """An application registered at Entra ID, and the company it may enter."""

    client_secret: str = "simulated-client-secret"  # noqa: S105 - of a simulated application
    client_id: str = "8a5f3c1e-6b1d-4a58-9f0e-2d3c4b5a6978"
    tenant: str = "3c2b1a09-8f7e-4d6c-b5a4-938271605f4e"
    environment: str = "Production"
    company_id: str = guid("company", "CRONUS")

    def company_settings(self) -> dict[str, Any]:
        """Keyword arguments for ``BusinessCentralCompany``."""
        return {"registration": self}

    def connection_settings(self, base_url: str, *, tax_mode: str = "computed") -> dict[str, Any]:
        """A connection's settings that fit the simulated company's accounts, currencies and tax codes."""
        return {
            "tenant": self.tenant,
            "environment": self.environment,
            "company_id": self.company_id,
            "client_id": self.client_id,
            "base_url": base_url,
            "login_url": base_url,
            "local_currency": LOCAL_CURRENCY,
            "order_prefixes": ["shop"],
            "tax_mode": tax_mode,
            "tax_codes": {f"{rate:f}": code for code, rate in TAX_RATES.items()},
            **{setting: number for number, (setting, _) in ACCOUNTS.items()},
            "general_journal": GENERAL_JOURNAL,
            "payment_journals": {"default": PAYMENT_JOURNAL},
            "deposit_accounts": {"default": "CHECKING"},
            "settlement_accounts": {posting: number for number, (posting, _) in CHART.items()},
        }

    def connection_secrets(self) -> dict[str, str]:
        return {"client_secret": self.client_secret}


class TokenDesk:
    """Grants tokens for the registered application and remembers them."""

    def __init__(self, registration: Registration, now: Callable[[], datetime], random: Random) -> None:
        self._registration, self._now, self._random = registration, now, random
        self._granted: dict[str, datetime] = {}

    @property
    def path(self) -> str:
        return f"/{self._registration.tenant}/oauth2/v2.0/token"

    def revoke(self) -> None:
        """What an administrator does: every token is void."""
        self._granted.clear()

    def valid(self, request: Request) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return scheme == "Bearer" and self._granted.get(token, self._now()) > self._now()

    def grant(self, request: Request) -> Reply:
        form = {name: values[0] for name, values in parse_qs(request.body.decode("utf-8", "replace")).items()}
        if form.get("grant_type") != "client_credentials":
            return _refused(400, "unsupported_grant_type", "AADSTS70003: The app requested an unsupported grant type.")
        if form.get("scope") != SCOPE:
            return _refused(400, "invalid_scope", "AADSTS70011: The provided value for the input 'scope' is not valid.")
        if form.get("client_id") != self._registration.client_id:
            return _refused(400, "unauthorized_client", "AADSTS700016: Application was not found in the directory.")
        if form.get("client_secret") != self._registration.client_secret:
            return _refused(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
        token = f"{self._random.getrandbits(256):064x}"
        self._granted[token] = self._now() + LIFE
        lives_s = int(LIFE.total_seconds()) - 1
        body = {"token_type": "Bearer", "expires_in": lives_s, "ext_expires_in": lives_s, "access_token": token}
        return Reply(200, msgspec.json.encode(body), {"content-type": "application/json; charset=utf-8"})


def _refused(status: int, error: str, description: str) -> Reply:
    body = msgspec.json.encode({"error": error, "error_description": description, "error_codes": []})
    return Reply(status, body, {"content-type": "application/json; charset=utf-8"})
