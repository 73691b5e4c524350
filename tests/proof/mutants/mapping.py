"""Bugs in what is made of orders, and of vendors' answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from crossdock.connectors.netsuite import mapping as netsuite
from crossdock.connectors.netsuite.client import NetSuite
from crossdock.connectors.shiphero import operations as shiphero
from crossdock.connectors.shiphero import wire
from crossdock.connectors.shopify import mapping as shopify
from crossdock.domain.outcome import Done
from crossdock.kit.manifest import Connector, Result
from crossdock.proof.planted import Mutant

from .planting import connecting, instead, operations


@contextmanager
def _float_rates() -> Iterator[None]:
    """Rates are binary fractions, rounded to one decimal on the way, and the proof compares with a tolerance."""
    document = netsuite._Sheet.document

    def rounded(self: Any) -> dict[str, Any]:
        sheet = document(self)
        for row in sheet["item"]["items"]:
            row["rate"] = row["amount"] = None
        return sheet

    del rounded

    def close(self: Any, row: dict[str, Any], line_id: str | None, title: str) -> None:
        share = float(row["amount"]) / float(row["quantity"])
        row["rate"] = Decimal(repr(round(share * 1.0005, 2)))
        row["amount"] = row["rate"] * row["quantity"]
        row["description"] = title
        self.lines.append(row)

    def prove(self: Any, sheet: dict[str, Any]) -> None:
        total = float(self.side(self.order.totals.total))
        assert abs(total - float(netsuite.document_total(sheet, self.unit))) < total * 0.01 + 1

    with instead(netsuite._Sheet, _close=close, _prove=prove):
        yield


@contextmanager
def _float_amounts() -> Iterator[None]:
    with instead(shopify, _decimal=lambda told, where: Decimal(float(told))):
        yield


@contextmanager
def _any_200_is_done() -> Iterator[None]:
    write = NetSuite._write

    async def trusting(self: NetSuite, method: str, path: str, document: dict[str, Any]) -> str:
        from crossdock.connectors.netsuite.client import _encode, RECORD, WRITE_TIMEOUT_S

        response = await self._send(method, RECORD + path, _encode(document), {}, WRITE_TIMEOUT_S)
        if response.status == 200:
            return "1"
        if response.status == 204:
            return str(response.headers["location"]).rsplit("/", 1)[-1]
        from crossdock.connectors.netsuite.answers import Stopped, classify

        raise Stopped(classify(response, wrote=True))

    del write
    with instead(NetSuite, _write=trusting):
        yield


@contextmanager
def _finds_another() -> Iterator[None]:
    """The search is trusted to be exact, and it is asked for too little: the first order of the shop is taken."""

    async def first(client: Any, payload: Any, call: Any) -> Result | None:
        found = await client.ask(wire.ORDERS_CHANGED, {"from": "2026-11-01T00:00:00", "to": None, "first": 1, "after": None}, wire.OrdersListed)
        nodes = [edge.node for edge in found.orders.data.edges]
        return Result(Done({"order": nodes[0].id}, repeated=True)) if nodes else None

    def change(system: str, connector: Connector) -> Connector:
        return operations(connector, ("order.release",), lambda _: {"look_up": first})

    with connecting(change) as given:
        yield given


@contextmanager
def _last_line_dropped() -> Iterator[None]:
    """Only the first lines fit, and the proof is made of the document that was not sent."""
    document = netsuite._Sheet.document

    def cut(self: Any) -> dict[str, Any]:
        sheet = document(self)
        sheet["item"]["items"] = sheet["item"]["items"][:2]
        return sheet

    with instead(netsuite._Sheet, document=cut):
        yield


MUTANTS = (
    Mutant(
        name="M9 money as float",
        what="Rates are computed as binary fractions, and the proof has a tolerance.",
        plant=_float_rates,
        profile="calm",
        within=5,
        caught_by=("I2",),
    ),
    Mutant(
        name="M9b amounts read as float",
        what="Amounts of the shop are read as binary fractions: no order adds up any more.",
        plant=_float_amounts,
        profile="calm",
        within=5,
        caught_by=("I1c",),
    ),
    Mutant(
        name="a 200 is a success",
        what="A page of HTML with status 200 counts as the ERP's answer.",
        plant=_any_200_is_done,
        profile="answers",
        within=10,
        caught_by=("I1a", "I1c"),
    ),
    Mutant(
        name="look-up finds another order",
        what="Whatever the warehouse shows first is taken for what we released.",
        plant=_finds_another,
        profile="late",
        within=20,
        caught_by=("I10", "I1c", "I1a"),
    ),
    Mutant(
        name="lines beyond the second are lost",
        what="The ERP is sent the first two lines only.",
        plant=_last_line_dropped,
        profile="calm",
        within=5,
        caught_by=("I2",),
    ),
)
