"""Scenarios in which the harness was wrong and the product right: each as the report printed it, and what it was."""

import pytest

from crossdock.proof.run import run
from crossdock.proof.story import decode

FALSE = {
    "the till's sale, booked where more had left than was there, put units back into the ERP's books": (
        b'{"seed":73339,"profile":"swarm","orders":[{"at":6.261,"wish":{"skus":["SKU-0012"],"quantity":1}}],"rates":'
        b'{"answer_lost":0.262,"answer_truncated":0.193,"row_unreadable":0.396},"stock":{"there":{"SKU-0012":3},"shown":'
        b'{"SKU-0012":3},"acts":[{"at":3.659,"verb":"lose","sku":"SKU-0012","units":1},{"at":7.194,"verb":"lose","sku":'
        b'"SKU-0012","units":2},{"at":8.472,"verb":"till","sku":"SKU-0012","units":1},{"at":10.851,"verb":"receive",'
        b'"sku":"SKU-0012","units":1}],"restocks":true}}'
    ),
}


@pytest.mark.parametrize("what", FALSE)
def test_it_is_none(what: str) -> None:
    assert run(decode(FALSE[what])).violations == []
