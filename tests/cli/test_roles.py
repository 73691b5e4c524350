"""What a role is made of, from the configuration."""

from datetime import UTC, datetime

import msgspec
from tests.engine.toy import ToySystem, connector, world

from crossdock import roles
from crossdock.engine.checking import InvariantLoop
from crossdock.engine.credentials import CredentialLoop
from crossdock.engine.scheduling import ScheduleLoop
from crossdock.engine.sweeping import SweepLoop
from crossdock.governance.config import KeepSetup, ReconcileSetup, ServeSetup
from crossdock.intake.app import Limits
from crossdock.intake.polls import PollLoop
from crossdock.kit.manifest import Repeat
from crossdock.reconcile.rounds import ReconcileLoop
from crossdock.roles import limits_of
from crossdock.store.memory import MemoryStore
from crossdock.supervise import ChildSpec


class Configured(msgspec.Struct):
    """What the schedule role reads of a configuration."""

    keep: KeepSetup = KeepSetup()
    reconcile: ReconcileSetup = ReconcileSetup()


def test_intake_takes_what_the_configuration_says() -> None:
    assert limits_of(ServeSetup()) == Limits()
    serve = ServeSetup(
        max_body_bytes=5_000,
        body_timeout_s=3.0,
        source_rate_per_s=7.0,
        source_burst=9.0,
        waiting_bound=11,
        trusted_proxies=("10.0.0.0/8",),
    )
    assert limits_of(serve) == Limits(5_000, 3.0, 7.0, 9.0, waiting_bound=11, trusted_proxies=("10.0.0.0/8",))


async def test_the_schedule_role_does_all_that_goes_by_the_clock() -> None:
    here = world(MemoryStore(lambda: datetime.now(UTC)), connector(ToySystem(), Repeat.UNIQUE))
    spec = ChildSpec("schedule", 1, "folder", "postgresql://nobody@127.0.0.1:1/none")
    async with roles._loops(spec, Configured(), here, None) as loops:  # type: ignore[arg-type]
        kinds = {type(loop) for loop in loops}
    assert kinds == {ScheduleLoop, PollLoop, CredentialLoop, SweepLoop, ReconcileLoop, InvariantLoop}
