"""The same house with Amazon where the shop is: its notifications wait in a queue instead of being posted."""

from collections.abc import Mapping
from contextlib import asynccontextmanager
from typing import Any

from crossdock.simulators.amazon import AmazonSimulator
from tests.process.house import ERP, SHOP, SYSTEMS, WAREHOUSE, House, Vendors

HOST = f"http://{SHOP}.test"
QUEUE = f"{HOST}/123456789012/order-changes"


class AmazonVendors(Vendors):
    """Amazon, the ERP and the warehouse."""

    systems: Mapping[str, str] = {**SYSTEMS, SHOP: "amazon"}
    connection: Mapping[str, Any] = {}  # further settings of the connection

    def open_shop(self, shop: Mapping[str, Any]) -> AmazonSimulator:
        settings = {"queue_url": QUEUE, "behind_s": 0.0, "plan": 1e6, **shop}
        self.connection = settings.pop("connection", {})
        return AmazonSimulator(SHOP, self._around(), **settings)

    def shop_connection(self) -> tuple[dict[str, Any], dict[str, str]]:
        settings = {
            "client_id": "amzn1.application-oa2-client.simulated",
            "api_base": HOST,
            "auth_url": f"{HOST}/auth/o2/token",
            "queue_url": QUEUE,
            "aws_region": "us-east-1",
            "aws_access_key_id": "AKIASIMULATED",
            **self.connection,
        }
        secrets = {
            "client_secret": "simulated-secret",
            "refresh_token": "Atzr|simulated",
            "aws_secret_access_key": "simulated-aws-secret",
        }
        return settings, secrets


class AmazonHouse(House):
    """Its search has begun when the doors open, as that of a connection which has run for a while."""

    @asynccontextmanager
    async def open(self):  # type: ignore[no-untyped-def]
        async with super().open():
            await self.poll(SHOP, "orders")
            yield self

    async def hear(self) -> None:
        """Take what the queue holds."""
        await self.poll(SHOP, "notifications")

    async def _is_quiet(self) -> bool:
        polled = self.every_s is not None and self.shop.books()["waiting_notifications"]
        return not polled and await super()._is_quiet()


__all__ = ["ERP", "SHOP", "WAREHOUSE", "AmazonHouse", "AmazonVendors"]
