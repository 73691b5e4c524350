"""A key pair and certificate for one simulated account, and the connection settings that fit it."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from crossdock.simulators.netsuite.catalogue import ACCOUNTS, CURRENCIES, SPECIAL


class Credentials(msgspec.Struct, frozen=True):
    """What the integration owner holds (private key) and what the account holds (certificate)."""

    private_key: str  # PEM
    certificate: str  # PEM
    algorithm: str
    account_id: str = "TSTDRV1"
    client_id: str = "crossdock-client"
    certificate_id: str = "crossdock-certificate"

    def account_settings(self) -> dict[str, Any]:
        """Keyword arguments for ``NetSuiteAccount``."""
        return {
            "account_id": self.account_id,
            "client_id": self.client_id,
            "certificate_id": self.certificate_id,
            "certificate": self.certificate,
        }

    def connection_settings(self, base_url: str) -> dict[str, Any]:
        """A connection's settings that fit the simulated account's items, currencies and tax codes."""
        return {
            "account_id": self.account_id,
            "base_url": base_url,
            "client_id": self.client_id,
            "certificate_id": self.certificate_id,
            "algorithm": self.algorithm,
            "currencies": {symbol: ref for ref, symbol in CURRENCIES.items()},
            "tax_code": "301",
            "tax_type": "401",
            "deposit_accounts": {"default": next(ref for ref, (use, _) in ACCOUNTS.items() if use == "bank")},
            "settlement_accounts": {use: ref for ref, (use, _) in ACCOUNTS.items() if use != "bank"},
            **{name: ref for ref, (name, _, _) in SPECIAL.items() if name != "discount_item"},
        }

    def connection_secrets(self) -> dict[str, str]:
        return {"private_key": self.private_key, "certificate": self.certificate}


def make_credentials(now: datetime, *, algorithm: str = "ES256", days: int = 730) -> Credentials:
    """A fresh key pair and a self-signed certificate. ES256 takes a millisecond, PS256 (RSA 3072) about a second."""
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    if algorithm.startswith("PS"):
        key = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    else:
        curves = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
        key = ec.generate_private_key(curves[algorithm])
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Crossdock test certificate")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Credentials(pem.decode(), certificate.public_bytes(serialization.Encoding.PEM).decode(), algorithm)
