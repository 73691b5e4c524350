"""Checks what routes say about stock: the sum of what they say must leave no unit on sale twice."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from crossdock.domain.decision import Policy
from crossdock.domain.publishing import pool_of
from crossdock.domain.stock import WHOLE, StockRule, rule_for
from crossdock.governance.faults import nearest
from crossdock.governance.reading import Reader

AMOUNTS = ("cap", "floor", "buffer", "ring_fence")


def check_stock(read: Reader, policies: Sequence[Policy], connections: Mapping[str, Any]) -> None:
    """Note a fault for whatever cannot be meant."""
    pools: dict[str, tuple[str, ...]] = {}
    percents: dict[tuple[str, ...], int] = {}
    kits: dict[str, dict[str, int]] = {}
    made = {kit for policy in policies if policy.stock is not None for kit in policy.stock.kits}
    for index, policy in enumerate(policies):
        stock = policy.stock
        if stock is None:
            continue
        path = ("routes", index, "stock")
        _check_rules(read, path, policy)
        _check_kits(read, path, policy, kits, made)
        for location in stock.locations:
            at = (*path, "locations", location)
            if not stock.locations[location].sources:
                read.fault(at, f"Nothing feeds location '{location}'.", "Add 'sources: [\"…\"]': the ERP's locations.")
                continue
            pool = pool_of(policy, location)
            _check_pool(read, at, pool, pools, connections)
            rule = rule_for(stock, location, "")
            percents[pool] = percents.get(pool, 0) + (0 if rule.share else rule.percent or 0)
            if percents[pool] > WHOLE:
                read.fault(at, f"Routes give away {percents[pool]} percent of the same stock.", "Let them come to 100.")


def with_all_kits(policies: Mapping[str, Policy]) -> dict[str, Policy]:
    """What a kit is made of counts in every route: one that does not say it would sell its components twice."""
    stocks = {name: policy.stock for name, policy in policies.items() if policy.stock is not None}
    kits = {kit: needs for stock in stocks.values() for kit, needs in stock.kits.items()}
    shared = {name: replace(policies[name], stock=replace(stock, kits=kits)) for name, stock in stocks.items()}
    return {**policies, **shared}


def _check_rules(read: Reader, path: tuple[str | int, ...], policy: Policy) -> None:
    assert policy.stock is not None
    if not policy.stock.locations:
        read.fault(path, "'locations' is missing.", "Name the channel's locations and what feeds them.")
    where: list[tuple[tuple[str | int, ...], StockRule]] = [(path, policy.stock)]
    where += [((*path, "locations", name), rule) for name, rule in policy.stock.locations.items()]
    where += [((*path, "skus", name), rule) for name, rule in policy.stock.skus.items()]
    for at, rule in where:
        for field in AMOUNTS:
            if (getattr(rule, field) or 0) < 0:
                read.fault((*at, field), f"'{field}' cannot be negative.", "Give units, from 0.")
        if rule.percent is not None and not 0 <= rule.percent <= WHOLE:
            read.fault((*at, "percent"), f"'percent' cannot be {rule.percent}.", "Give 0 to 100.")


def _check_kits(
    read: Reader, path: tuple[str | int, ...], policy: Policy, kits: dict[str, dict[str, int]], made: set[str]
) -> None:
    assert policy.stock is not None
    for kit, needs in policy.stock.kits.items():
        at = (*path, "kits", kit)
        if not needs or any(each < 1 for each in needs.values()) or kit in needs:
            read.fault(at, f"'{kit}' cannot be made of that.", "Give each component and how many, from 1.")
        if kits.setdefault(kit, needs) != needs:
            read.fault(at, f"Another route makes '{kit}' of something else.", "Say the same in all routes.")
        if nested := [part for part in needs if part in made]:
            read.fault(at, f"'{nested[0]}' is a kit itself.", "Name what it is made of instead.")


def _check_pool(
    read: Reader, at: tuple[str | int, ...], pool: tuple[str, ...], pools: dict[str, tuple[str, ...]], connections: Any
) -> None:
    for source in pool:
        name = source.partition("/")[0]
        if name not in connections:
            read.fault(at, f"There is no connection '{name}'.", nearest(name, connections, "Connections"))
        if pools.setdefault(source, pool) != pool:
            right = "Locations are fed by the same sources, or by none in common."
            read.fault(at, f"'{source}' feeds another location together with other sources.", right)
