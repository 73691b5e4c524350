"""What ``crossdock prove`` found, each as the smallest scenario that broke a promise then; one line says what it was.

How ``docs/howto/read-a-violation.md`` says that such a line comes about.
"""

import pytest

from crossdock.proof.run import run
from crossdock.proof.story import decode

# What it was -> the scenario, as the report printed it.
FOUND = {
    "a 429 to reading back an invoice that was just made did not let the ERP rest": (
        b'{"seed":7,"profile":"limits","orders":[{"at":0.157,"wish":{"skus":["SKU-0011","SKU-0009"]}}],'
        b'"rates":{"rate_limited":0.265},"trouble_s":8.0,"replayed":false}'
    ),
}


@pytest.mark.parametrize("what", FOUND)
def test_what_the_simulation_found_stays_mended(what: str) -> None:
    ran = run(decode(FOUND[what]))
    assert ran.faults
    assert ran.violations == []
