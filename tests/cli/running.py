"""Runs the program as a process beside a test's own event loop."""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[2]


class Ran(msgspec.Struct, frozen=True):
    code: int
    out: str
    said: str  # standard error


async def crossdock(*arguments: str, env: Mapping[str, str] | None = None, typed: str = "") -> Ran:
    """``typed`` is what comes in by standard input; there is no terminal."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "crossdock.cli", *arguments,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **(env or {})}, start_new_session=True,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, said = await process.communicate(typed.encode())
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), said.decode())
