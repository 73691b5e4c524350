"""The token endpoint: verifies the signed assertion as NetSuite does and hands out tokens that live 60 minutes."""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import parse_qs

import jwt
import msgspec
from cryptography import x509
from jwt.types import Options

from crossdock.simulators.base import Reply, Request

PATH = "/services/rest/auth/oauth2/v1/token"
LIFE = timedelta(minutes=60)
_ALGORITHMS = ["PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class TokenDesk:
    """Checks assertions against the account's certificate mapping; remembers what it granted."""

    def __init__(
        self, certificate: str, certificate_id: str, client_id: str, now: Callable[[], datetime], random: Random
    ) -> None:
        self._key: Any = x509.load_pem_x509_certificate(certificate.encode()).public_key()
        self._certificate_id, self._client_id = certificate_id, client_id
        self._now, self._random = now, random
        self._granted: dict[str, datetime] = {}
        self._used: set[str] = set()

    def revoke(self) -> None:
        """What a sandbox refresh or an administrator does: every token is void."""
        self._granted.clear()

    def valid(self, request: Request) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return scheme == "Bearer" and self._granted.get(token, self._now()) > self._now()

    def grant(self, request: Request) -> Reply:
        if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return _refused(400, "invalid_request", "content type must be application/x-www-form-urlencoded")
        form = {name: values[0] for name, values in parse_qs(request.body.decode("utf-8", "replace")).items()}
        if form.get("grant_type") != "client_credentials" or form.get("client_assertion_type") != _TYPE:
            return _refused(400, "unsupported_grant_type", "grant_type or client_assertion_type")
        problem = self._problem(form.get("client_assertion", ""))
        if problem:
            return _refused(401, "invalid_client", problem)
        token = f"{self._random.getrandbits(256):064x}"
        self._granted[token] = self._now() + LIFE
        body = {"access_token": token, "expires_in": str(int(LIFE.total_seconds())), "token_type": "bearer"}
        return Reply(200, msgspec.json.encode(body), {"content-type": "application/json"})

    def _problem(self, assertion: str) -> str | None:
        """Why the assertion is not good, or None. Its times are checked by the account's clock, not the machine's."""
        try:
            header = jwt.get_unverified_header(assertion)
            options: Options = {
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
                "verify_aud": False,
                "require": ["iss", "scope", "aud", "iat", "exp"],
            }
            claims = jwt.decode(assertion, self._key, algorithms=_ALGORITHMS, options=options)
        except (jwt.PyJWTError, TypeError) as error:
            return str(error)
        now = self._now().timestamp()
        tests = {
            "kid": header.get("kid") == self._certificate_id,
            "typ": header.get("typ") == "JWT",
            "iss": claims["iss"] == self._client_id,
            "scope": "rest_webservices" in claims["scope"],
            "aud": str(claims["aud"]).endswith(PATH),
            "iat": claims["iat"] <= now + 60,
            "exp": now < claims["exp"] <= claims["iat"] + 3600,
            "jti": "jti" not in claims or claims["jti"] not in self._used,
        }
        self._used.add(str(claims.get("jti")))
        wrong = [name for name, holds in tests.items() if not holds]
        return f"assertion refused: {', '.join(wrong)}" if wrong else None


def _refused(status: int, error: str, description: str) -> Reply:
    body = msgspec.json.encode({"error": error, "error_description": description})
    return Reply(status, body, {"content-type": "application/json"})
