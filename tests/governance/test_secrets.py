"""Secrets come by reference, from places only we can read."""

from pathlib import Path

import pytest

from crossdock.governance.secrets import SecretError, is_reference, resolve


def test_from_the_environment(tmp_path: Path) -> None:
    assert resolve("env:TOKEN", {"TOKEN": "s3cr3t-value"}, tmp_path) == "s3cr3t-value"
    with pytest.raises(SecretError, match="TOKEN is not set"):
        resolve("env:TOKEN", {}, tmp_path)


def test_from_a_file_beside_the_config(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("s3cr3t-value\n")
    (tmp_path / "key.pem").chmod(0o600)
    assert resolve("file:key.pem", {}, tmp_path) == "s3cr3t-value"


def test_a_file_that_everybody_can_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("s3cr3t-value")
    (tmp_path / "key.pem").chmod(0o644)
    with pytest.raises(SecretError, match="chmod 600") as error:
        resolve("file:key.pem", {}, tmp_path)
    assert "s3cr3t-value" not in str(error.value)


@pytest.mark.parametrize("value", ["changeme", "ChangeMe", "secret"])
def test_a_placeholder_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(SecretError, match="placeholder"):
        resolve("env:TOKEN", {"TOKEN": value}, tmp_path)


def test_a_value_is_not_a_reference(tmp_path: Path) -> None:
    assert not is_reference("hunter2")
    with pytest.raises(SecretError, match="never as its value") as error:
        resolve("hunter2", {}, tmp_path)
    assert "hunter2" not in str(error.value)


def test_what_is_no_text_is_told_without_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "key.der").write_bytes(b"\x30\x82s3cr3t")
    (tmp_path / "key.der").chmod(0o600)
    (tmp_path / "folder").mkdir(mode=0o700)
    for name, why in (("key.der", "is not text"), ("folder", "cannot be read")):
        with pytest.raises(SecretError, match=why) as error:
            resolve(f"file:{name}", {}, tmp_path)
        assert "s3cr3t" not in str(error.value)
