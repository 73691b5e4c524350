"""What people wrote fits the field, and says that there was more."""

from hypothesis import given
from hypothesis import strategies as st

from crossdock.kit.texts import MORE, one_line, within


def test_line_breaks_and_spare_space_go() -> None:
    assert one_line(" Leave it\r\n\n at  the\tdoor ") == "Leave it at the door"


def test_what_fits_is_left_and_what_does_not_says_so() -> None:
    assert within("Grüße", 7) == "Grüße"
    assert within("Grüße!", 7) == f"Grü{MORE}", "four bytes are left, the third letter takes two"
    assert within("hello world", 9) == f"hello{MORE}"


@given(st.text(max_size=60), st.integers(3, 40))
def test_it_never_takes_more_than_the_field_has(text: str, most: int) -> None:
    kept = within(text, most)
    assert len(kept.encode()) <= most
    assert kept == text or (kept.endswith(MORE) and text.startswith(kept.removesuffix(MORE)))
