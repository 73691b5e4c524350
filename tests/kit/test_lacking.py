"""What a connection lacks is told without a call, for every connector that needs things together."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from crossdock import app
from crossdock.kit.lacking import lacking


def pem(locked: KeySerializationEncryption) -> str:
    return generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked).decode()


PEM = pem(NoEncryption())
LOCKED = pem(BestAvailableEncryption(b"x"))


@pytest.mark.parametrize(
    ("system", "given", "says"),
    [
        ("shopify", ("webhook_secret",), "Set access_token, or client_id and client_secret."),
        ("shopify", ("client_secret",), "Set access_token, or client_id and client_secret."),
        ("shopify", ("access_token",), ""),
        ("shopify", ("client_id", "client_secret"), ""),
        ("shiphero", ("password",), "Set refresh_token, or username and password."),
        ("shiphero", ("refresh_token",), ""),
        ("amazon", ("queue_url", "aws_access_key_id"), "queue_url needs aws_secret_access_key."),
        ("businesscentral", ("public_url",), "public_url needs webhook_secret."),
        ("portal", ("callback_url",), "callback_url needs callback_secret."),
        ("portal", (), ""),
    ],
)
def test_what_belongs_together_is_asked_for(system: str, given: tuple[str, ...], says: str) -> None:
    manifest = app.Manifests()[system]
    secret = {setting.name for setting in manifest.settings if setting.secret}
    settings, secrets = ({name: "x" for name in given if (name in secret) == wanted} for wanted in (False, True))
    assert " ".join(lacking(manifest, settings, secrets)) == says


@pytest.mark.parametrize(("key", "fine"), [(PEM, True), (LOCKED, False), ("abcd", False), ("", False)])
def test_a_key_must_be_one_that_can_be_read_and_is_never_shown(key: str, fine: bool) -> None:
    said = lacking(app.Manifests()["netsuite"], {}, {"private_key": key})
    assert (said == []) is fine
    assert not key or key not in " ".join(said)


@pytest.mark.parametrize("system", app.SYSTEMS)
def test_manifests_name_settings_that_there_are(system: str) -> None:
    manifest = app.Manifests()[system]
    there = {setting.name for setting in manifest.settings}
    named = {name for way in manifest.one_of for name in way} | set(manifest.needs)
    assert named | {name for others in manifest.needs.values() for name in others} <= there
