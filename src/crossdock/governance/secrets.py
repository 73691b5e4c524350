"""Secrets by reference: ``env:NAME`` or ``file:/path``. The value is read when it is needed and never printed."""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

_REFERENCE = re.compile(r"^(?:env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$")
# What people leave in when they copy an example: a start with one of these is refused.
_PLACEHOLDERS = frozenset({"changeme", "change-me", "secret", "password", "default", "example", "xxx", "test"})


class SecretError(Exception):
    """A secret cannot be had or must not be used. The text names the reference, never the value."""


def is_reference(text: str) -> bool:
    return bool(_REFERENCE.match(text))


def resolve(reference: str, env: Mapping[str, str], base: Path) -> str:
    """The secret's value. Relative ``file:`` paths start at ``base`` (the config folder)."""
    if not is_reference(reference):
        raise SecretError("A secret is written as a reference, env:NAME or file:/path, never as its value.")
    kind, _, rest = reference.partition(":")
    value = _from_env(rest, env) if kind == "env" else _from_file(base / Path(rest).expanduser())
    if value.lower() in _PLACEHOLDERS:
        raise SecretError(f"{reference} still holds a placeholder. Put the real secret there.")
    return value


def _from_env(name: str, env: Mapping[str, str]) -> str:
    value = env.get(name, "").strip()
    if not value:
        raise SecretError(f"The environment variable {name} is not set or empty. Set it before starting.")
    return value


def _from_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & (stat.S_IROTH | stat.S_IWOTH):
                raise SecretError(f"The secret file {path} can be read by everybody. Run: chmod 600 {path}")
            value = file.read().decode().strip()
    except OSError as error:
        raise SecretError(f"The secret file {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise SecretError(f"The secret file {path} is not text. Keys are wanted as PEM.") from None
    if not value:
        raise SecretError(f"The secret file {path} is empty.")
    return value
