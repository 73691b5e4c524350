"""What systems are asked for has words of its own wherever people read of it."""

from crossdock import app
from crossdock.api.timeline import PURPOSES
from crossdock.domain.problems import DEEDS


def test_every_purpose_that_a_connector_serves_is_spoken() -> None:
    operations = [one for system in app.SYSTEMS for one in app.connector(system).operations.values()]
    served = {one.purpose for one in operations}
    assert len(served) > 20
    assert served - PURPOSES.keys() == set()
    assert served - DEEDS.keys() == set()
    assert PURPOSES.keys() == DEEDS.keys()
