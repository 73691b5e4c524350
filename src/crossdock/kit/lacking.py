"""What can be told of a connection without a call: whether what belongs together is there, and keys can be read."""

from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from crossdock.kit.manifest import Manifest


def lacking(manifest: Manifest, settings: Mapping[str, Any], secrets: Mapping[str, str]) -> list[str]:
    """One sentence for each thing that is missing or cannot be read; never a value."""
    given = {name for name, value in {**settings, **secrets}.items() if value}
    wrong = []
    if manifest.one_of and not any(given.issuperset(way) for way in manifest.one_of):
        wrong.append(f"Set {', or '.join(' and '.join(way) for way in manifest.one_of)}.")
    for name, others in manifest.needs.items():
        if name in given and (missing := [other for other in others if other not in given]):
            wrong.append(f"{name} needs {' and '.join(missing)}.")
    for setting in manifest.settings:
        if setting.private_key and setting.name in secrets and not _key(secrets[setting.name]):
            wrong.append(f"{setting.name} is no private key that can be read: it must be PEM, without a passphrase.")
    return wrong


def _key(text: str) -> bool:
    try:
        load_pem_private_key(text.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it has a passphrase
        return False
    return True
