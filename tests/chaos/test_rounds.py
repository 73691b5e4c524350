"""A short campaign and a fail-over as anybody runs them with ``python -m chaos``, and what judges them."""

from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from chaos.breaking import Breaking
from chaos.failover import failover
from chaos.house import DATABASE, LINES, open_house
from chaos.judge import judged
from chaos.plan import Act
from chaos.proxy import Trouble
from chaos.rounds import campaign
from chaos.standby import follow

from chaos import breaking, plan, watching
from crossdock import app

SEED = 20
SHORT = [
    "kill-deliver", "kill-backend", "kill-postmaster", "disk-full",
    "net-delay", "net-cut-before", "net-cut-after", "net-half-close",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _children_find_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(app.__file__).removesuffix("/crossdock/app.py"))


@pytest.mark.chaos
@pytest.mark.timeout(300)
async def test_a_round_of_everything_leaves_the_books_balanced() -> None:
    said: list[str] = []
    async with open_house(SEED, workers=1) as house:
        mounted = house.disk.bounded
        found = await campaign(house, plan.draw(SEED, 1, SHORT), 60, said.append)
        restarts = [serve.restarts for serve in house.serves]
    never = [] if mounted else ["disk-full"]  # where nothing can be mounted no disk is full
    assert found.never == never, said
    assert set(found.faults) == set(SHORT)
    assert min(times for kind, times in found.faults.items() if kind not in never) >= 1
    (one,) = found.rounds
    assert one.settled.quiet, one.settled.left
    assert one.judgement.complaints() == []
    assert one.judgement.placed >= one.judgement.acknowledged >= 60
    assert restarts == [0, 0]  # nobody took the parents down
    assert {measured.kind for measured in found.recoveries} == {"kill-deliver"}
    assert {measured.kind for measured in found.resumes} == {"kill-backend", "kill-postmaster", "disk-full"}


@pytest.mark.chaos
@pytest.mark.timeout(200)
@pytest.mark.parametrize("behind_s", [0.0, 3.0])
async def test_the_standby_takes_over_and_nothing_acknowledged_is_lost(behind_s: float) -> None:
    """Nor is anything doubled where it knew nothing of the last seconds."""
    said: list[str] = []
    async with open_house(SEED, workers=1, standby=follow) as house:
        found = await failover(house, 60, behind_s, said.append)
        assert house.server is house.servers[1]
    assert found.acknowledged_before > 0
    assert (found.forgotten > 0) is (behind_s > 0)
    assert found.settled.quiet, found.settled.left
    assert found.judgement.complaints() == []
    assert found.judgement.acknowledged >= 60


def test_a_plan_is_its_seed_and_leaves_nothing_out() -> None:
    assert plan.draw(7, 20) == plan.draw(7, 20)
    assert plan.draw(7, 20) != plan.draw(8, 20)
    for rounds in (1, 3, 20):
        drawn = plan.draw(7, rounds)
        assert len(drawn) == rounds
        assert {act.kind for one in drawn for act in (*one.processes, *one.network)} == set(plan.KINDS)
        assert all(one.processes for one in drawn[:16])
        assert drawn[-1].processes[-1].kind == "database-clock"
    everywhere = {(act.kind, act.where) for one in plan.draw(7, 20) for act in one.network}
    assert everywhere == {(kind, line) for kind in plan.NETWORK for line in LINES}


def test_a_plan_of_some_kinds_has_no_others() -> None:
    (one,) = plan.draw(7, 1, ["kill-deliver", "net-eat"])
    assert [act.kind for act in one.processes] == ["kill-deliver"]
    assert {act.kind for act in one.network} == {"net-eat"}
    with pytest.raises(ValueError, match="gremlins"):
        plan.draw(7, 1, ["gremlins"])


def _shop(*numbers: int) -> dict[str, Any]:
    orders = [
        {
            "id": number, "name": f"#{number}", "test": False, "cancelled": False, "total": "10.00", "currency": "EUR",
            "lines": [], "fulfillments": [],
        }
        for number in numbers
    ]  # fmt: skip
    return {"orders": orders, "fulfillments": 0, "repeated_tracking": []}


def _erp(*numbers: int) -> dict[str, Any]:
    orders = [{"external_id": f"shop-{number}", "total": "10.00", "currency": "EUR", "lines": []} for number in numbers]
    return {"items": {}, "sales_orders": orders, "invoices": [], "fulfilments": []}


WAREHOUSE: dict[str, Any] = {"orders": [], "repeated": []}


def test_an_exception_is_no_loss_and_needs_a_cause_all_the_same() -> None:
    found = judged(_shop(1, 2), _erp(1), WAREHOUSE, {"1", "2"}, {"shop-2": ["no SKU"]})
    assert found.complaints() == ["with a person: 1 x no SKU"]
    assert judged(_shop(1), _erp(1), WAREHOUSE, {"1"}, {}).complaints() == []
    assert (found.placed, found.acknowledged, found.booked, found.exceptions) == (2, 2, 1, {"no SKU": 1})


def test_what_was_acknowledged_and_is_nowhere_is_lost() -> None:
    assert judged(_shop(1, 2), _erp(1), WAREHOUSE, {"1", "2"}, {}).lost == ["shop-2"]


def test_what_was_never_acknowledged_must_be_found_all_the_same() -> None:
    found = judged(_shop(1, 2), _erp(1), WAREHOUSE, {"1"}, {})
    assert found.lost == []
    assert any("neither in the ERP nor an exception" in what for what in found.wrong)


def test_two_of_anything_is_doubled() -> None:
    assert judged(_shop(1), _erp(1, 1), WAREHOUSE, {"1"}, {}).doubled == ["shop-1: 2 in the ERP"]
    told_twice = judged(_shop(1), _erp(), WAREHOUSE, {"1"}, {"shop-1": ["no SKU", "no SKU"]})
    assert told_twice.doubled == ["shop-1: the same exception twice"]
    assert judged(_shop(1), _erp(), WAREHOUSE, {"1"}, {"shop-1": ["no SKU", "no price"]}).doubled == []
    again = {"orders": [], "repeated": ["shop-1"]}
    assert judged(_shop(1), _erp(1), again, {"1"}, {}).doubled == ["shop-1: twice in the warehouse"]


def test_a_swapped_item_is_wrong_though_the_pieces_are_as_many() -> None:
    shop, erp = _shop(1), _erp(1)
    shop["orders"][0]["lines"] = [{"id": "11", "sku": "SKU-0001", "quantity": 1, "ships": True}]
    shop["orders"][0]["fulfillments"] = [{"lines": [{"id": "11", "quantity": 1}]}]
    erp["items"] = {"1001": "SKU-0001", "1002": "SKU-0002"}
    erp["invoices"] = [{"order_external_id": "shop-1", "total": "10.00", "currency": "EUR"}]
    booked = [{"item": "1001", "quantity": "1"}]
    erp["sales_orders"][0]["lines"], erp["fulfilments"] = booked, [{"order_external_id": "shop-1", "lines": booked}]
    lines = [{"sku": "SKU-0001", "quantity": 1}]
    warehouse = {"orders": [{"partner_order_id": "shop-1", "shipments": [{"lines": lines}]}], "repeated": []}
    assert judged(shop, erp, warehouse, {"1"}, {}).complaints() == []
    lines[0]["sku"] = "SKU-0002"
    assert judged(shop, erp, warehouse, {"1"}, {}).wrong == [
        "#1 (shop-1): posted in the ERP 1 x SKU-0001 instead of 1 x SKU-0002",
        "#1 (shop-1): shipped 1 x SKU-0002 instead of 1 x SKU-0001",
    ]


async def test_a_clock_that_nobody_saw_jump_has_not_jumped() -> None:
    said: list[str] = []
    house: Any = SimpleNamespace(clock=SimpleNamespace(jump=lambda _: None), serves=[SimpleNamespace(name="one")])

    async def until(reached: Any, what: str, at_most_s: float) -> None:
        raise AssertionError(what)

    house.until = until
    breaking = Breaking(house, Random(SEED), said.append)
    killed: list[Act] = []

    async def kill(act: Act) -> None:
        killed.append(act)

    breaking._kill_role = kill  # type: ignore[method-assign]
    await breaking.break_process(Act("clock-ahead", "one", 0.0))
    assert (breaking.counts["clock-ahead"], [act.kind for act in killed]) == (0, ["kill-deliver"])
    assert any("it did not come" in line for line in said)


async def test_a_disk_that_could_not_be_mounted_was_never_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut lines stand in for it, so that the round goes on; the run is void of it all the same."""
    monkeypatch.setattr(breaking, "FULL_S", 0.0)
    proxy = _Line()
    house: Any = SimpleNamespace(disk=SimpleNamespace(bounded=False), lines={DATABASE: [proxy]})
    found = Breaking(house, Random(SEED), lambda _: None)
    resumed: list[Act] = []

    async def resume(act: Act) -> None:
        resumed.append(act)

    found._resumed = resume  # type: ignore[method-assign]
    await found.break_process(Act("disk-full", "one", 0.0))
    assert found.counts == {}
    assert proxy.did == ["cut-before", "reset", "calm"]
    assert [act.kind for act in resumed] == ["disk-full"]
    assert any("mounting is not permitted" in one for one in found.stand_ins)


class _Line:
    """Of the proxies, what is told to break."""

    def __init__(self) -> None:
        self.did: list[str] = []

    def turn(self, trouble: Trouble) -> None:
        self.did.append(trouble.fault)

    def reset(self) -> None:
        self.did.append("reset")

    def calm(self) -> None:
        self.did.append("calm")


def test_standing_still_counts_from_the_last_movement() -> None:
    standing = watching.Standing()
    standing.look({"order 1": {0: (0, 1)}, "order 2": {0: (0, 1)}}, 0.0)
    standing.look({"order 1": {0: (0, 2)}, "order 2": {0: (0, 1)}}, 10.0)
    assert (standing.longest_s, standing.what) == (10.0, "order 2, 0")
    standing.look({"order 1": {0: (0, 2)}}, 15.0)
    standing.look({"order 1": {0: (0, 2)}, "order 3": {0: (0, 1)}}, 25.0)
    assert (standing.longest_s, standing.what) == (15.0, "order 1, 0")


def test_waiting_ones_turn_is_not_standing_still() -> None:
    standing = watching.Standing()
    queue: dict[int, watching.Place] = {n: (n, "a") for n in (1, 2, 3, 4)}
    standing.look({"erp": queue}, 0.0)
    del queue[1]
    standing.look({"erp": queue}, 10.0)  # the first is served
    assert standing.longest_s == 0.0
    standing.look({"erp": {**queue, 3: (3, "b")}}, 30.0)  # the third is served before the second
    assert (standing.longest_s, standing.what) == (20.0, "erp, 2")
    del queue[3]
    standing.look({"erp": queue}, 50.0)
    assert (standing.longest_s, standing.what) == (40.0, "erp, 2")


def test_who_is_tried_again_stands_behind_those_who_were_due_before() -> None:
    standing = watching.Standing()
    standing.look({"erp": {1: (12.0, "retried"), 2: (3.0, ""), 3: (4.0, "")}}, 10.0)
    standing.look({"erp": {1: (12.0, "retried"), 3: (4.0, "")}}, 50.0)  # the second is served
    assert (standing.longest_s, standing.what) == (0.0, "")
    standing.look({"erp": {1: (12.0, "retried"), 4: (13.0, "")}}, 60.0)  # the third too
    assert standing.longest_s == 0.0
    standing.look({"erp": {1: (12.0, "retried")}}, 80.0)  # who was due later
    assert (standing.longest_s, standing.what) == (20.0, "erp, 1")


def test_each_waits_in_one_queue() -> None:
    moving = {"commands": {"7": [1, 20, 8.5, 0, 5, 0]}, "agenda": {"21": 900}, "orders": {"20": 3, "21": 4, "22": 5}}
    assert watching.queues_of(moving) == {
        "commands of connection 1": {7: (8.5, [0, 5, 0])},
        "agenda": {900: (900, "21")},
        "order 22": {0: (0, 5)},
    }
    assert watching.queues_of({"commands": None, "agenda": None, "orders": None}) == {}
