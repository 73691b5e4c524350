"""What becomes of errors: told in words, and logged where they are nobody's but ours."""

from litestar.exceptions import ImproperlyConfiguredException, NotFoundException

from crossdock.api.problems import describe
from crossdock.store.protocol import CommitUnknown, StoreUnavailable


def test_a_fault_of_the_framework_is_ours_and_tells_nothing_of_its_inside() -> None:
    told = describe(ImproperlyConfiguredException("secret inside"))
    assert (told.status, told.code) == (500, "bug")
    assert "secret" not in told.detail
    assert describe(NotFoundException()).code == "not_found"


def test_nobody_is_told_that_nothing_was_changed_where_that_is_not_known() -> None:
    for error in (StoreUnavailable("gone"), CommitUnknown("gone"), TimeoutError()):
        told = describe(error, changing=True)
        assert (told.status, told.code) == (503, "unavailable")
        assert "Nothing was changed" not in told.detail
        assert "send it again" in told.detail
        assert "Nothing was changed" in describe(error).detail
