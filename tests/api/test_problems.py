"""What becomes of errors: told in words, and logged where they are nobody's but ours."""

from litestar.exceptions import ImproperlyConfiguredException, NotFoundException

from crossdock.api.problems import describe


def test_a_fault_of_the_framework_is_ours_and_tells_nothing_of_its_inside() -> None:
    told = describe(ImproperlyConfiguredException("secret inside"))
    assert (told.status, told.code) == (500, "bug")
    assert "secret" not in told.detail
    assert describe(NotFoundException()).code == "not_found"
