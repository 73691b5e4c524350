"""Log lines say which order and which place, and never who bought what."""

import io
import json
import random
import threading
from pathlib import Path
from typing import Any

import pytest

from crossdock.observe.logs import WAITING_LINES, LineWriter
from crossdock.observe.telemetry import TelemetrySettings, open_telemetry

CANARIES = (
    "ada.lovelace@example.com",
    "Ada Lovelace",
    "+44 20 7946 0958",
    "12 St James Square",
    "s3cret-token",
    "4111",
)


async def lines(tmp_path: Path, say: Any, secrets: tuple[str, ...] = ("s3cret-token",)) -> list[dict[str, Any]]:
    stream = io.StringIO()
    telemetry = open_telemetry(
        TelemetrySettings(str(tmp_path), log_level="debug", log_format="json"),
        worker="decide-1", role="decide", version="0", random=random.Random(1), secrets=secrets, stream=stream,
    )  # fmt: skip
    say(telemetry.log)
    await telemetry.close()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


async def test_a_line_carries_the_process_and_what_it_is_about(tmp_path: Path) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    (line,) = await lines(tmp_path, lambda log: log.info("exception.opened", order="shop1-1", code="x", trace=trace))
    assert line["event"] == "exception.opened"
    assert line["level"] == "info"
    assert (line["worker"], line["role"], line["order"]) == ("decide-1", "decide", "shop1-1")
    assert (line["trace_id"], line["span_id"]) == ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
    assert line["timestamp"].endswith("+00:00")


def quoting() -> Exception:
    try:
        raise ValueError("Ada Lovelace, 12 St James Square, ada.lovelace@example.com, 4111 1111 1111 1111")
    except ValueError as error:
        return error


@pytest.mark.parametrize(
    "fields",
    [
        {"email": CANARIES[0], "customer": CANARIES[1], "body": CANARIES[3], "payload": {"name": CANARIES[1]}},
        {"error": quoting()},
        {"error": "Key (email)=(ada.lovelace@example.com) already exists, phone +44 20 7946 0958"},
        {"reason": "duplicate \"Ada Lovelace\" at '12 St James Square'"},
        {"code": "refused by s3cret-token", "key": "s3cret-token"},
        {"doing": "call with Bearer abc.def and card 4111 1111 1111 1111"},
    ],
)
async def test_no_canary_gets_out(tmp_path: Path, fields: dict[str, Any]) -> None:
    (line,) = await lines(tmp_path, lambda log: log.error("connector.bug", connection="north", **fields))
    text = json.dumps(line, ensure_ascii=False)
    assert line["connection"] == "north"
    assert not [canary for canary in CANARIES if canary in text]


async def test_an_exception_is_told_by_type_and_place(tmp_path: Path) -> None:
    (line,) = await lines(tmp_path, lambda log: log.error("connector.bug", error=quoting()))
    assert line["error"].startswith("ValueError (test_logs.py:")


async def test_dropped_fields_are_counted(tmp_path: Path) -> None:
    await lines(tmp_path, lambda log: log.info("exception.opened", email="x", basket="y"))
    assert b"log_fields" in (tmp_path / "decide-1.metrics").read_bytes()


def test_a_reader_that_does_not_read_holds_nobody_up() -> None:
    release = threading.Event()

    class Stuck(io.StringIO):
        def write(self, text: str) -> int:
            release.wait()
            return super().write(text)

    writer = LineWriter(Stuck())
    for number in range(WAITING_LINES + 500):
        writer.info(f"line {number}")
    assert writer.dropped >= 499
    release.set()
    writer.close(10)


def test_a_closed_output_is_survived() -> None:
    stream = io.StringIO()
    stream.close()
    writer = LineWriter(stream)
    writer.info("nobody hears")
    writer.close(10)
    assert writer.dropped == 1
