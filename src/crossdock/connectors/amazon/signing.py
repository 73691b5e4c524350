"""AWS Signature Version 4, as far as one JSON request to SQS needs it. Pure.

Source: docs.aws.amazon.com "Signature Version 4 signing process", read 2026-11. Checked in tests against the figures
AWS publishes for its derivation of the signing key.
"""

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import quote, urlsplit


class Keys(NamedTuple):
    """An IAM user's access key, and where it is used."""

    key_id: str
    secret: str
    region: str
    service: str


def signed_headers(keys: Keys, url: str, headers: Mapping[str, str], body: bytes, now: datetime) -> dict[str, str]:
    """``headers`` (lower case) of a POST with date and the Authorization that proves them, the host and the body.

    The host is signed and not among them: whoever sends says it.
    """
    parts = urlsplit(url)
    stamp = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    told = {**headers, "host": parts.netloc, "x-amz-date": stamp}
    names = ";".join(sorted(told))
    canonical = "\n".join(
        (
            "POST",
            quote(parts.path or "/", safe="/-_.~"),
            parts.query,
            *(f"{name}:{' '.join(told[name].split())}" for name in sorted(told)),
            "",
            names,
            sha256(body).hexdigest(),
        )
    )
    scope = f"{stamp[:8]}/{keys.region}/{keys.service}/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
    signature = hmac.digest(signing_key(keys, stamp[:8]), to_sign.encode(), "sha256").hex()
    credential = f"{keys.key_id}/{scope}"
    proof = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
    return {**headers, "x-amz-date": stamp, "authorization": proof}


def signing_key(keys: Keys, day: str) -> bytes:
    """The key of one day (``YYYYMMDD``), region and service."""
    key = f"AWS4{keys.secret}".encode()
    for part in (day, keys.region, keys.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
