"""A day close as a signed document: canonical JSON under Ed25519, verified offline, byte for byte. Pure but for keys.

The file is one line of canonical JSON (keys sorted, no spaces): ``certificate`` and ``signature``. What is signed is
``certificate`` alone, behind a word that no other signature of ours begins with. Amounts are text: nobody rounds them.
"""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KIND, VERSION = "crossdock.day-close", 1
_DOMAIN = b"crossdock.day-close.1\n"


class BadCertificate(Exception):
    """The file is not what was signed, or not signed by this key; the text says which, and what to do."""


class BadKey(Exception):
    """The key cannot be used; the text says why and what to do."""


def canonical(value: Any) -> bytes:
    """The one way in which a value is written: keys sorted, no spaces, UTF-8."""
    return msgspec.json.encode(value, order="sorted")


def make_key() -> tuple[bytes, bytes]:
    """A fresh private key and its public one, PEM."""
    private = Ed25519PrivateKey.generate()
    secret = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return secret, public_pem(private.public_key())


def public_pem(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def private_key(pem: str) -> Ed25519PrivateKey:
    """The signing key. Raises ``BadKey``."""
    try:
        key = serialization.load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadKey("The signing key is not a PEM private key: make one with crossdock close-key.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BadKey("The signing key is not an Ed25519 key: make one with crossdock close-key.")
    return key


def public_key(pem: bytes) -> Ed25519PublicKey:
    """The key to verify with. Raises ``BadKey``; a private key is refused: it must not travel."""
    if b"PRIVATE KEY" in pem:
        raise BadKey("This is a private key. Give the public one (.pub), and keep the private one where it is.")
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadKey("This is not a PEM public key.") from error
    if not isinstance(key, Ed25519PublicKey):
        raise BadKey("This is not an Ed25519 public key.")
    return key


def key_id(key: Ed25519PublicKey) -> str:
    """What people compare: the beginning of the public key's SHA-256."""
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()[:16]


def sign(certificate: Mapping[str, Any], key: Ed25519PrivateKey) -> bytes:
    """The file: one line."""
    value = base64.b64encode(key.sign(_DOMAIN + canonical(certificate))).decode()
    signature = {"algorithm": "ed25519", "key": key_id(key.public_key()), "value": value}
    return canonical({"certificate": certificate, "signature": signature}) + b"\n"


def digest(file: bytes) -> str:
    """What a later certificate names this one by."""
    return hashlib.sha256(file).hexdigest()


class _Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    algorithm: str
    key: str
    value: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    certificate: dict[str, Any]
    signature: _Signature


def verify(file: bytes, key: Ed25519PublicKey) -> dict[str, Any]:
    """The certificate, when not a byte of the file is another than was signed. Raises ``BadCertificate``."""
    try:
        read = msgspec.json.decode(file, type=_File)
        value = base64.b64decode(read.signature.value, validate=True)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise BadCertificate(f"This is not a day-close certificate, or it was cut or changed: {error}.") from error
    # The last letter before the padding holds bits that no byte is made of: equal bytes have one spelling only.
    spelled = base64.b64encode(value).decode() == read.signature.value
    if not spelled or canonical(msgspec.to_builtins(read)) + b"\n" != file:
        raise BadCertificate("The file was changed: it is not in the form in which certificates are signed.")
    if read.signature.algorithm != "ed25519":
        raise BadCertificate(f"Signed by {read.signature.algorithm!r}, which this version does not know.")
    if read.signature.key != key_id(key):
        raise BadCertificate(f"Signed by the key {read.signature.key}, not by the one given ({key_id(key)}).")
    try:
        key.verify(value, _DOMAIN + canonical(read.certificate))
    except InvalidSignature:
        raise BadCertificate("The signature does not fit: certificate or signature was changed.") from None
    if (read.certificate.get("kind"), read.certificate.get("version")) != (KIND, VERSION):
        raise BadCertificate("It is signed, but not a day close of a version that this program knows.")
    return read.certificate
