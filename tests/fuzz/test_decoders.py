"""Every decoder of bytes from outside, bounded: the same inputs in every run. ``make fuzz`` goes on from there."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.fuzz.answers import answering
from tests.fuzz.targets import targets

EXAMPLES = 60  # of a target of share 1
TARGETS = targets() | answering()


@pytest.mark.parametrize("name", TARGETS)
def test_only_what_is_documented_leaves_a_decoder(name: str) -> None:
    target = TARGETS[name]
    examples = max(target.least, int(EXAMPLES * target.share))
    quick = settings(
        max_examples=examples, phases=[Phase.generate, Phase.shrink], suppress_health_check=list(HealthCheck)
    )

    @quick
    @given(target.bodies)
    def run(body: bytes) -> None:
        target.run(body)

    run()
