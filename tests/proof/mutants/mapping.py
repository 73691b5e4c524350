"""Bugs in what is made of orders, and of vendors' answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from crossdock.connectors.netsuite import client
from crossdock.connectors.netsuite import mapping as netsuite
from crossdock.connectors.netsuite.answers import Stopped, classify
from crossdock.connectors.netsuite.client import NetSuite
from crossdock.connectors.shiphero import mapping as shiphero
from crossdock.connectors.shiphero import operations as releasing
from crossdock.connectors.shiphero import wire
from crossdock.connectors.shopify import mapping as shopify
from crossdock.domain import checks
from crossdock.domain.order import PaymentStatus
from crossdock.domain.outcome import Done
from crossdock.kit.manifest import Connector, Result
from crossdock.proof.plan import PRODUCTS
from crossdock.proof.planted import Mutant
from crossdock.proof.vendors import DRIFTED

from .planting import Connectors, connecting, instead, operations


@contextmanager
def _float_cents() -> Iterator[None]:
    """8.70 is 869 cents, as anybody finds who multiplies the binary fraction by a hundred and cuts it."""

    def close(self: Any, row: dict[str, Any], line_id: str | None, title: str) -> None:
        amount = Decimal(int(float(row["amount"]) * 100)) / 100
        row |= {"amount": amount, "rate": round(amount / row["quantity"], 8), "description": title}
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
    async def trusting(self: NetSuite, method: str, path: str, document: dict[str, Any]) -> str:
        response = await self._send(method, client.RECORD + path, client._encode(document), {}, client.WRITE_TIMEOUT_S)
        if response.status == 200:
            return "1"
        if response.status == 204:
            return response.headers["location"].rsplit("/", 1)[-1]
        raise Stopped(classify(response, wrote=True))

    with instead(NetSuite, _write=trusting):
        yield


@contextmanager
def _finds_another() -> Iterator[Connectors]:
    async def newest(warehouse: Any, payload: Any, call: Any) -> Result | None:
        asked = {"from": "2026-11-01T00:00:00", "to": None, "first": 25, "after": None}
        found = await warehouse.ask(wire.ORDERS_CHANGED, asked, wire.OrdersListed)
        nodes = [edge.node for edge in found.orders.data.edges]
        return Result(Done({"order": nodes[-1].id}, repeated=True)) if nodes else None

    def change(_system: str, connector: Connector) -> Connector:
        return operations(connector, ("order.release",), lambda _: {"look_up": newest})

    with connecting(change) as given:
        yield given


@contextmanager
def _last_line_dropped() -> Iterator[None]:
    """The proof is made of a document that is not the one sent."""
    document = netsuite._Sheet.document

    def cut(self: Any) -> dict[str, Any]:
        sheet = document(self)
        sheet["item"]["items"] = sheet["item"]["items"][:-1] or sheet["item"]["items"]
        return sheet

    with instead(netsuite._Sheet, document=cut):
        yield


@contextmanager
def _another_known_item() -> Iterator[None]:
    """From the first check on: shipments and bills are of the same wrong item, and prices are the order's own."""
    found = checks._products

    def swapped(*given: Any) -> Any:
        refs, told = found(*given)
        return {sku: str(1001 + (int(ref) - 1000) % PRODUCTS) for sku, ref in refs.items()}, told

    with instead(checks, _products=swapped):
        yield


@contextmanager
def _another_product_released() -> Iterator[None]:
    made = releasing.order_input

    def swapped(*given: Any) -> dict[str, Any]:
        whole = made(*given)
        for line in whole["line_items"]:
            line["sku"] = f"SKU-{int(line['sku'].removeprefix('SKU-')) % PRODUCTS + 1:04}"
        return whole

    with instead(releasing, order_input=swapped):
        yield


@contextmanager
def _sent_to_another() -> Iterator[None]:
    address = shiphero._address

    def wrong(given: Any, email: Any) -> dict[str, str]:
        return address(given, email) | {"address1": "1 Wrong Street", "city": "Elsewhere", "zip": "00000"}

    with instead(shiphero, _address=wrong):
        yield


@contextmanager
def _not_amended() -> Iterator[Connectors]:
    async def nothing(erp: Any, payload: Any, call: Any) -> Result:
        total = payload.order.totals.total.on(payload.basis)
        return Result(Done({"salesOrder": payload.erp_ref}, facts={"total": str(total)}))

    def change(_system: str, connector: Connector) -> Connector:
        return operations(connector, ("booking.amend",), lambda _: {"send": nothing})

    with connecting(change) as given:
        yield given


@contextmanager
def _status_guessed() -> Iterator[None]:
    with instead(shopify, _STATUS={**shopify._STATUS, DRIFTED: PaymentStatus.PAID}):
        yield


MUTANTS = (
    Mutant(
        name="M9 money as float",
        what="Amounts are made cents as binary fractions, and the proof has a tolerance.",
        plant=_float_cents,
        profile="calm",
        within=30,
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
        profile="gateway",
        within=40,
        caught_by=("I1a", "I1c"),
    ),
    Mutant(
        name="look-up finds another order",
        what="The newest order of the warehouse is taken for what we released.",
        plant=_finds_another,
        profile="gateway",
        within=40,
        caught_by=("I10", "I1c", "I1a"),
    ),
    Mutant(
        name="last line lost",
        what="The ERP is sent all lines but the last.",
        plant=_last_line_dropped,
        profile="calm",
        within=20,
        caught_by=("I2",),
    ),
    Mutant(
        name="another known item",
        what="Products are booked on the ERP's next item, at the price that the customer paid: every sum is right.",
        plant=_another_known_item,
        profile="calm",
        within=3,
        caught_by=("I2",),
    ),
    Mutant(
        name="another product released",
        what="The warehouse is told another SKU of each line than the customer bought.",
        plant=_another_product_released,
        profile="calm",
        within=3,
        caught_by=("I2",),
    ),
    Mutant(
        name="released to another address",
        what="The warehouse is told another street than the customer gave.",
        plant=_sent_to_another,
        profile="calm",
        within=5,
        caught_by=("I2",),
    ),
    Mutant(
        name="amendment not sent",
        what="A sales order counts as amended, and keeps the address that the customer corrected.",
        plant=_not_amended,
        profile="answers",
        within=10,
        caught_by=("I2",),
    ),
    Mutant(
        name="an unknown status is guessed",
        what="A payment status that nobody knows yet is taken for paid.",
        plant=_status_guessed,
        profile="drift",
        within=5,
        caught_by=("I19",),
    ),
)
