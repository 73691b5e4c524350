"""What a collector of telemetry has of one order: every hop, each linked to what led to it, by the order's key."""

import io
from pathlib import Path
from random import Random

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from crossdock.observe.tally import Sheet, read_sheet
from crossdock.observe.telemetry import TelemetrySettings, open_telemetry
from tests.observe.collector import running as collecting
from tests.process.books import sold
from tests.process.conftest import MakeHouse
from tests.process.house import ERP, SHOP, House


def attributes(span: Span) -> dict[str, str]:
    return {each.key: each.value.string_value for each in span.attributes}


def way_back(span: Span, spans: dict[bytes, Span]) -> list[Span]:
    """The span, what led to it, what led to that, up to where it all began."""
    found = [span]
    while span.links:
        (link,) = span.links
        span = spans[link.span_id]  # whatever is linked to has arrived
        assert span.trace_id == link.trace_id, "and says the same of itself"
        found.append(span)
    return found


def counted(sheet: Sheet, metric: str) -> dict[tuple[tuple[str, str], ...], float]:
    return {labels: value for name, labels, value in sheet.counters if name == metric}


async def test_webhook_decision_and_call_arrive_linked_and_with_the_orders_key(
    make_house: MakeHouse, tmp_path: Path
) -> None:
    """The edit window lies between: a timer passes on what set it."""
    with collecting() as collector:
        settings = TelemetrySettings(str(tmp_path / "m"), otlp_endpoint=collector.url, trace_share=1.0)
        signals = open_telemetry(
            settings, worker="w1", role="all", version="1.0.0", random=Random(1), stream=io.StringIO()
        )
        traced = type("Traced", (House,), {"signals": signals})
        async with make_house(made=traced, route={"edit_window_s": 1}) as house, house.running():
            (order_id,) = house.shop.act("place_order", {"lines": 2, "paid": True})["ids"]
            await house.until(lambda: sold(house, order_id)["fulfillment_status"] == "fulfilled", "shipping")
            await house.quiet()
            assert await house.status(order_id) == "done"
        await signals.close()
    key = f"{SHOP}-{order_id}"
    spans = {span.span_id: span for span in collector.spans}
    assert len({span.trace_id for span in spans.values()}) == len(spans), "each hop begins a trace"
    (booking,) = (span for span in spans.values() if span.name == "order.book")
    assert booking.kind == Span.SPAN_KIND_CLIENT
    assert attributes(booking)["crossdock.order"] == key
    assert attributes(booking)["crossdock.outcome"] == "done"
    way = way_back(booking, spans)
    topics = [attributes(span)["crossdock.topic"] for span in way if span.name == "decide"]
    assert topics[0] == "timer_fired"
    assert {attributes(span)["crossdock.order"] for span in way if span.name == "decide"} == {key}
    assert way[-1].name == f"POST /in/shopify/{SHOP}"
    assert way[-1].kind == Span.SPAN_KIND_SERVER
    for span in spans.values():  # whatever came of it: shipment, fulfilment, invoice
        if span.kind == Span.SPAN_KIND_CLIENT:
            assert way_back(span, spans)[-1].name.startswith(("POST /in/", "poll "))
    sheet = read_sheet(tmp_path / "m" / "w1.metrics")
    assert sheet is not None
    cycles = {
        labels: sum(one.counts) for name, labels, one in sheet.histograms if name == "crossdock.order.cycle.duration"
    }
    assert cycles == {(("channel", SHOP),): 1}
    assert counted(sheet, "crossdock.auth.refresh")[("target", ERP), ("result", "done")] >= 1
