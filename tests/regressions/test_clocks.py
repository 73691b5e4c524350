"""Found by the simulation: what a wrong wall clock of ours once lost."""

from crossdock.proof.plan import Blow, OrderPlan, Scenario
from crossdock.proof.run import run


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
