"""``close-key``, ``close``, ``verify-close`` and ``differences``, as a person calls them."""

import contextlib
import io
import stat
from pathlib import Path

import msgspec
import pytest
from tests.cli.running import Ran
from tests.reconcile.sides import sides

from crossdock.cli import closing
from crossdock.cli.program import build, guarded
from crossdock.reconcile import certificate
from crossdock.reconcile.certificate import KIND, VERSION, canonical
from crossdock.reconcile.summing import as_list, list_digest, rows_of, summarise


def run(*arguments: str) -> Ran:
    """The program in this process."""
    out, said = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
        code = guarded(lambda: build()(list(arguments), standalone_mode=False, prog_name="crossdock"))
    return Ran(code, out.getvalue(), said.getvalue())


def made(folder: Path) -> tuple[Path, Path, Path]:
    """A certificate, its list and its public key, in files."""
    key = folder / "keys" / "day.pem"
    assert run("close-key", str(key)).code == 0
    rows = [*rows_of(sides(), "shop", "erp", "shop", ())]
    listed = as_list(rows)
    told = {
        "kind": KIND, "version": VERSION, "serial": "s1", "date": "2026-11-23", "time_zone": "Europe/Berlin",
        "replaces": None, "reason": "", "routes": summarise(rows), "not_listed": ["amazon lists no orders"],
        "differences": {"open": 0}, "list": {"rows": 1, "sha256": list_digest(listed)},
    }  # fmt: skip
    file = folder / "close.json"
    file.write_bytes(certificate.sign(told, certificate.private_key(key.read_text())))
    (folder / "close.jsonl").write_bytes(listed)
    return file, folder / "close.jsonl", key.with_name("day.pem.pub")


def test_a_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    key = tmp_path / "k.pem"
    done = run("close-key", str(key))
    assert done.code == 0
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert certificate.key_id(certificate.public_key(key.with_name("k.pem.pub").read_bytes())) in done.out
    before = key.read_bytes()
    again = run("close-key", str(key))
    assert (again.code, key.read_bytes()) == (2, before)
    assert "not overwritten" in again.said


def test_a_genuine_certificate_is_verified_offline_with_its_list(tmp_path: Path) -> None:
    file, listed, public = made(tmp_path)
    done = run("verify-close", str(file), "--key", str(public), "--list", str(listed))
    assert done.code == 0, done.said
    for word in ("Genuine", "2026-11-23 (Europe/Berlin)", "110.00", "amazon lists no orders"):
        assert word in done.out
    told = run("verify-close", str(file), "--key", str(public), "--json")
    assert msgspec.json.decode(told.out)["serial"] == "s1"


def test_what_close_prints_as_json_is_verified(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """A close that is piped into a file is the file: written anew it would be without its signature."""
    file, _, public = made(tmp_path)
    capfdbinary.readouterr()
    closing._say(file.read_bytes(), True, printed=True)
    piped = tmp_path / "piped.json"
    piped.write_bytes(capfdbinary.readouterr().out)
    assert piped.read_bytes() == file.read_bytes()
    assert run("verify-close", str(piped), "--key", str(public)).code == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda file: file.replace(b'"s1"', b'"s2"'), "signature does not fit"),
        (lambda file: file + b"\n", "not in the form"),
        (lambda file: file[:-20], "cut or changed"),
        (lambda file: canonical(msgspec.json.decode(file)), "not in the form"),
    ],
)
def test_a_changed_byte_is_said_and_ends_with_1(tmp_path: Path, change: object, said: str) -> None:
    file, _, public = made(tmp_path)
    file.write_bytes(change(file.read_bytes()))  # type: ignore[operator]
    done = run("verify-close", str(file), "--key", str(public))
    assert done.code == 1
    assert said in done.said
    assert "bug" not in done.said


def test_another_list_another_key_and_a_private_key_are_told_apart(tmp_path: Path) -> None:
    file, listed, public = made(tmp_path)
    listed.write_bytes(listed.read_bytes() + b"\n")
    done = run("verify-close", str(file), "--key", str(public), "--list", str(listed))
    assert done.code == 1
    assert "The list is not the one" in done.said
    assert run("close-key", str(tmp_path / "other.pem")).code == 0
    done = run("verify-close", str(file), "--key", str(tmp_path / "other.pem.pub"))
    assert done.code == 1
    assert "not by the one given" in done.said
    done = run("verify-close", str(file), "--key", str(tmp_path / "other.pem"))
    assert done.code == 3
    assert "private key" in done.said


def test_odd_arguments_are_wrong_use(tmp_path: Path) -> None:
    for wrong in (
        ("close", "yesterday"),
        ("close", "2026-11-23", "--replace"),
        ("differences", "--kind", "odd"),
        ("differences", "--state", "odd"),
    ):
        done = run(*wrong, "--data", str(tmp_path))
        assert done.code == 2, wrong
