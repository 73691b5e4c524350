"""What hurry means: simulated vendors are waited for no longer than they need."""

from pathlib import Path

import pytest

from crossdock import app
from crossdock.engine.world import Linked
from crossdock.governance.config import ConnectionSetup


def linked(folder: Path, system: str, *, hurry: bool = True) -> Linked:
    return app.link(ConnectionSetup("one", system), folder, {}, app.Closed(), hurry=hurry)


@pytest.mark.parametrize(("system", "most_s"), [("amazon", 3.0), ("shopify", 20.0), ("netsuite", 20.0)])
def test_a_channel_that_posts_nothing_is_asked_more_often(tmp_path: Path, system: str, most_s: float) -> None:
    polls = linked(tmp_path, system).connector.polls.values()
    assert max(poll.every_s for poll in polls) == most_s


def test_without_hurry_nothing_is_shortened(tmp_path: Path) -> None:
    real = app.connector("amazon")
    assert linked(tmp_path, "amazon", hurry=False).connector.polls == real.polls
    hurried = linked(tmp_path, "amazon").connector.operations.values()
    assert all(operation.lease_s <= 15.0 and operation.settle_s <= 4.0 for operation in hurried)
