"""What the error catalogue tells people to do can be done."""

import re

import msgspec

from crossdock.governance.config import ServeSetup
from crossdock.intake.problems import PROBLEMS


def test_every_setting_that_a_hint_names_exists() -> None:
    named = [name for kind in PROBLEMS.values() for name in re.findall(r"\b[a-z]+\.[a-z]+_[a-z_]+\b", kind.hint)]
    settings = {f"serve.{field.name}" for field in msgspec.structs.fields(ServeSetup)}
    assert len(named) >= 2
    assert set(named) <= settings
