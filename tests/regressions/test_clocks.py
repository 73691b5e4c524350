"""Found by the simulation: what a wrong wall clock of ours once lost."""

from crossdock.proof.plan import Blow, OrderPlan, Scenario
from crossdock.proof.run import run
from crossdock.proof.stock_plan import StockPlan


def test_a_first_poll_by_a_clock_that_runs_ahead_passes_over_no_order() -> None:
    # The watermark began at our clock, an hour ahead of Shopify's: with its webhooks lost, an order was never seen.
    scenario = Scenario(
        seed=1151,
        profile="regression",
        orders=(OrderPlan(4.0, {"skus": ["SKU-0001"], "paid": True}),),
        blows=(Blow(2.0, "unsubscribed", "shop"),),
        skews=(4495.2, 1822.4),
    )
    ran = run(scenario)
    assert ran.violations == []
    assert ran.recoveries["found_by_poll"] >= 1


def test_a_slow_answer_about_stock_is_not_newer_than_it_is_when_our_clock_was_put_back_meanwhile() -> None:
    # How long the answer took was told by our wall clock: put back by hours, it took less than no time. Units that had
    # been sold since it was asked were on sale once more.
    there = {"SKU-0005": 8, "SKU-0001": 3, "SKU-0002": 20}
    scenario = Scenario(
        seed=53362,
        profile="stock",
        orders=(
            OrderPlan(7.972, {"skus": ["SKU-0001", "SKU-0005"], "quantity": 1}, ((4.1, "edit_address"),)),
            OrderPlan(10.516, {"skus": ["SKU-0005"], "paid": False, "quantity": 2}, ((6.83, "pay_order"),)),
            OrderPlan(7.117, {"skus": ["SKU-0002"], "quantity": 2}, ((1.31, "warehouse void_label"),)),
        ),
        rates={"record_locked": 0.424, "webhook_dropped": 0.338, "slow_answer": 0.202, "row_unreadable": 0.272},
        workers=2,
        skews=(5618.2, -4601.7),
        stock=StockPlan(there=there, shown=there, restocks=True),
    )
    assert run(scenario).violations == []
