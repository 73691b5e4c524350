"""The comparison's own arithmetic and words; the peers themselves are not run here."""

import ast
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from benchmarks.house import LINES, House
from benchmarks.peers import comparison, job

PEERS = Path(job.__file__).parent


def body(**changes: Any) -> str:
    """One made-up order, with some of its fields changed."""
    [(_, text)] = job.bodies(7, 1)
    return msgspec.json.encode({**msgspec.json.decode(text), **changes}).decode()


def test_all_are_given_the_orders_that_crossdock_is_given() -> None:
    orders = list(job.bodies(3, 4))
    assert [name for name, _ in orders] == [House.key(number) for number in range(3, 7)]
    assert all(len(msgspec.json.decode(text)["line_items"]) == LINES for _, text in orders)


def test_the_sales_order_sums_its_lines_exactly() -> None:
    lines = msgspec.json.decode(body())["line_items"]
    lines[0] |= {"price": "0.10", "quantity": 3, "total_discount": "0.01"}
    made = job.sales_order("shop1-1", body(line_items=lines, total_line_items_price="48.30", total_discounts="0.01"))
    assert made["externalId"] == "shop1-1"
    assert made["item"]["items"][0]["amount"] == "0.29"
    assert Decimal(made["total"]) == Decimal("48.29")


def test_an_order_whose_lines_do_not_add_up_is_refused() -> None:
    with pytest.raises(ValueError, match="order shop1-7: the lines add up to 60"):
        job.sales_order("shop1-7", body(total_line_items_price="60.01"))


def test_the_first_fifth_is_not_counted() -> None:
    slow_start = [float(second) for second in range(20)]
    then_ten_per_s = [19 + n / 10 for n in range(1, 81)]
    assert job.rate([*then_ten_per_s, *slow_start]) == pytest.approx(79 / 7.9)


def test_one_moment_is_no_rate() -> None:
    with pytest.raises(ValueError, match="too few"):
        job.rate([5.0])


def test_an_order_that_the_erp_never_saw_is_an_error() -> None:
    called = {House.key(number): 1.0 for number in (1, 2, 4)}
    with pytest.raises(RuntimeError, match=f"celery: .* 1 of 4 orders: {House.key(3)}"):
        comparison.check_calls(called, range(1, 5), "celery")
    comparison.check_calls(called, range(1, 3), "celery")


def test_settings_use_the_cores_and_are_said_in_the_note() -> None:
    for tried in comparison.settings(4).values():
        assert max(one["processes"] * one.get("concurrency", 1) for one in tried) >= 4
    chosen = {"dbos": comparison.settings(2)["dbos"][0]}
    said = comparison.note(comparison.QUICK, chosen, {"celery": "no redis-server: not root"})
    assert "dbos: processes 2, concurrency 50" in said
    assert "celery: no figure, no redis-server: not root." in said
    assert "synchronous_commit=on" in said
    assert "appendfsync always" in said


def test_crossdocks_backlog_appears_at_one_moment() -> None:
    assert max(counts.crossdock for counts in (comparison.FULL, comparison.QUICK)) <= comparison.preload.BATCH


def test_each_peer_has_a_script_and_locked_packages() -> None:
    locked = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (PEERS / "requirements.lock").read_text(), re.MULTILINE))
    assert set(comparison.settings(1)) <= set(locked)
    for name in comparison.settings(1):
        assert (PEERS / f"{name}_peer.py").exists()
    for line in (PEERS / "requirements.txt").read_text().splitlines():
        if line.startswith("#"):
            continue
        assert line.partition("[")[0] in locked


@pytest.mark.parametrize("module", ["job", "measuring", *(f"{name}_peer" for name in comparison.settings(1))])
def test_what_runs_in_the_peers_environment_needs_nothing_of_crossdock(module: str) -> None:
    tree = ast.parse((PEERS / f"{module}.py").read_text())
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not [name for name in imported if name.startswith("crossdock")]
