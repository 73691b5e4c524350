"""What is not mapped is told on either side, before an order needs it."""

from pathlib import Path

from crossdock.domain.decision import Policy
from crossdock.governance.config import Config, ConnectionSetup, ServeSetup
from crossdock.governance.mapped import Gap, Mapped, coverage, mappings
from crossdock.kit.manifest import Manifest, Value, ValueList


def config(**settings: object) -> Config:
    routes = {
        "shop1": Policy("shop1", "erp1", ship_methods={"STD": "Ground", "EXP": "Rocket"}, default_ship_method="3003"),
        "shop2": Policy("shop2", "elsewhere", ship_methods={"STD": "Boat"}),
    }
    setups = {"erp1": ConnectionSetup("erp1", "erp", dict(settings)), "shop1": ConnectionSetup("shop1", "shop")}
    return Config(Path(), setups, routes, (), {}, ServeSetup())


def manifest(system: str, *lists: ValueList) -> Manifest:
    return Manifest(system, system, "erp", "1", (), "1", {}, values=lists)


MANIFESTS = {
    "shop": manifest("shop"),
    "erp": manifest(
        "erp",
        ValueList("ship_methods", "Ship methods", "ship_methods"),
        ValueList("currencies", "Currencies", "currencies", {"EUR": "4"}),
    ),
}
USED = ("Ground", "Rocket", "3003")
SHIP = (Value("3001", "Ground"), Value("3002", "Express"), Value("3003", "Pick-up"))


def test_only_lists_of_configured_systems_are_compared_and_defaults_count() -> None:
    found = mappings(config(ship_methods={"Ground": 3001}), MANIFESTS)
    assert found == [
        Mapped("erp1", "ship_methods", "Ship methods", "ship_methods", {"Ground": "3001"}, USED),
        Mapped("erp1", "currencies", "Currencies", "currencies", {"EUR": "4"}, given=False),
    ]


def test_both_sides_are_told() -> None:
    wanted = mappings(config(ship_methods={"Ground": "3001", "Old": "9"}, currencies={"EUR": "4"}), MANIFESTS)
    ship, currencies = coverage(wanted, {("erp1", "ship_methods"): SHIP, ("erp1", "currencies"): (Value("4", "EUR"),)})
    assert (ship.known, ship.have, ship.mapped) == (True, 3, 2)
    assert ship.gaps == [
        Gap("erp1", "ship_methods", "ours", "Old", "ship_methods: Old is 9, which is not there"),
        Gap("erp1", "ship_methods", "ours", "Rocket", "a route sends Rocket, which ship_methods does not have"),
        Gap("erp1", "ship_methods", "theirs", "3002", "Express: nothing in ship_methods leads there"),
    ]
    assert (currencies.mapped, currencies.gaps) == (1, [])


def test_a_list_that_was_not_read_is_no_gap_and_an_empty_one_is() -> None:
    wanted = mappings(config(ship_methods={"Ground": "3001"}), MANIFESTS)
    unread, _ = coverage(wanted, {})
    assert (unread.known, unread.gaps) == (False, [])
    empty, usual = coverage(wanted, {("erp1", "ship_methods"): (), ("erp1", "currencies"): (Value("1", "USD"),)})
    assert [gap.code for gap in empty.gaps] == ["Ground", "Rocket", "3003"]
    assert [gap.side for gap in usual.gaps] == ["theirs"], "usual words that an account lacks are no fault of ours"
