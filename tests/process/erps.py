"""The ERPs that a house may have: the simulated account, and the settings and secrets of a connection to it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from crossdock.simulators.base import Surroundings
from crossdock.simulators.businesscentral import BusinessCentralCompany, Registration
from crossdock.simulators.netsuite import NetSuiteAccount, make_credentials


class Erp(msgspec.Struct, frozen=True):
    account: Any
    settings: Mapping[str, Any]
    secrets: Mapping[str, str]
    guest: str  # the customer that unknown buyers are booked on


def netsuite(name: str, around: Surroundings) -> Erp:
    credentials = make_credentials(datetime.now(UTC))
    account = NetSuiteAccount(name, around, **credentials.account_settings(), concurrency=15, customers=5)
    settings = {**credentials.connection_settings(f"http://{name}.test"), "concurrency": 15}
    return Erp(account, settings, credentials.connection_secrets(), "9001")


def businesscentral(name: str, around: Surroundings) -> Erp:
    registration = Registration()
    account = BusinessCentralCompany(name, around, registration=registration, customers=5, notify_s=0.0)
    settings = registration.connection_settings(f"http://{name}.test")
    settings["public_url"] = f"http://127.0.0.1/in/businesscentral/{name}"
    secrets = {**registration.connection_secrets(), "webhook_secret": "a-long-random-word"}
    return Erp(account, settings, secrets, "C00000")


ERPS: Mapping[str, Callable[[str, Surroundings], Erp]] = {"netsuite": netsuite, "businesscentral": businesscentral}
