"""The console's own files: read once, named by their content, kept by browsers for a year."""

import base64
import hashlib
from functools import cache
from importlib import resources

import msgspec
from litestar import Response, get
from litestar.params import FromPath

from crossdock.api.problems import Refusal

TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
_ROOT = ("crossdock.console", "static")


@cache
def content(path: str) -> bytes:
    """A file's bytes; raises ``Refusal(not_found)`` for anything that is not ours to show."""
    name, folder = path.rsplit("/", 1)[-1], path.rsplit("/", 1)[0] if "/" in path else ""
    if name.rsplit(".", 1)[-1] not in TYPES or folder not in ("", "vendor") or name.startswith("."):
        raise Refusal("not_found", f"There is no file {path}.")
    file = resources.files(_ROOT[0]).joinpath(_ROOT[1], *filter(None, (folder, name)))
    if not file.is_file():
        raise Refusal("not_found", f"There is no file {path}.")
    return file.read_bytes()


@cache
def address(path: str) -> str:
    """The URL that changes when the file does."""
    return f"/static/{path}?v={hashlib.sha256(content(path)).hexdigest()[:12]}"


@cache
def integrity() -> dict[str, str]:
    """SRI hashes of the vendored files, as kept beside them."""
    raw = resources.files(_ROOT[0]).joinpath(_ROOT[1], "vendor", "hashes.json").read_bytes()
    return msgspec.json.decode(raw, type=dict[str, str])


def sri(raw: bytes) -> str:
    """The SRI hash of some bytes."""
    return "sha384-" + base64.b64encode(hashlib.sha384(raw).digest()).decode()


@get("/static/{file_path:path}", include_in_schema=False)
async def static_file(file_path: FromPath[str]) -> Response[bytes]:
    """One of the console's files."""
    path = str(file_path).lstrip("/")
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(content(path), media_type=TYPES[path.rsplit(".", 1)[-1]], headers=headers)
