"""What a role is made of, from the configuration."""

from crossdock.governance.config import ServeSetup
from crossdock.intake.app import Limits
from crossdock.roles import limits_of


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
