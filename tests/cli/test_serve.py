"""``serve`` as processes: children are kept alive, a drain ends in order, and a killed parent leaves nothing behind."""

import asyncio
import http.client
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from time import monotonic

import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(180)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served:
    """One ``crossdock serve`` with its own embedded database."""

    def __init__(self, folder: Path, serve: Mapping[str, str] | None = None) -> None:
        self.data, self.log = folder / "data", folder / "serve.log"
        config = folder / "config"
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        environment.pop("DATABASE_URL", None)
        command = [sys.executable, "-m", "crossdock.cli"]
        subprocess.run([*command, "init", str(config)], check=True, capture_output=True, env=environment)
        file = config / "crossdock.yaml"
        names = re.findall(r"env:([A-Z0-9_]{5,})", file.read_text())
        environment |= dict.fromkeys(names, "a-real-looking-value")
        settings = "".join(f"  {name}: {value}\n" for name, value in (serve or {}).items())
        file.write_text(file.read_text().replace("\nserve:\n", f"\nserve:\n{settings}"))
        self.intake, self.console = free_port(), free_port()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *command, "serve", "--config", str(config), "--data", str(self.data), "--intake",
                    f"127.0.0.1:{self.intake}", "--console", f"127.0.0.1:{self.console}", "--drain", "20",
                ],
                stdout=log, stderr=log, env=environment,
            )  # fmt: skip
        self.parent = psutil.Process(self.process.pid)

    def children(self, module: str) -> list[psutil.Process]:
        return [child for child in self.parent.children() if module in _command(child)]

    def until(self, reached: object, what: str, limit_s: float = 60.0) -> None:
        began = monotonic()
        while not reached():  # type: ignore[operator]
            if monotonic() - began > limit_s:
                pytest.fail(f"waited {limit_s:.0f} s for {what}:\n{self.log.read_text()[-3000:]}")
            asyncio.run(asyncio.sleep(0.05))

    def answers(self, port: int = 0) -> bool:
        """Whether somebody listens at the port, intake's unless told otherwise."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port or self.intake)) == 0

    def postgres(self) -> list[psutil.Process]:
        """The servers of our data directory, whoever started them."""
        found = []
        for process in psutil.process_iter(["cmdline"]):
            if str(self.data / "cluster") in (process.info["cmdline"] or []) and _lives(process):
                found.append(process)
        return found

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except (psutil.ZombieProcess, psutil.NoSuchProcess):
        return ""


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    one = Served(tmp_path)
    yield one
    one.close()


def test_a_killed_child_comes_back_and_sigterm_ends_everything(served: Served) -> None:
    served.until(served.answers, "intake to answer")
    served.until(lambda: len(served.children("crossdock.roles")) == 5, "five roles")
    before = {child.pid for child in served.children("crossdock.roles")}
    victim = served.children("crossdock.roles")[1]
    victim.kill()
    served.until(
        lambda: len(now := {c.pid for c in served.children("crossdock.roles")}) == 5 and victim.pid not in now,
        "the killed role to come back",
    )
    assert len(before & {child.pid for child in served.children("crossdock.roles")}) == 4
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(60) == 0
    served.until(lambda: not served.postgres(), "PostgreSQL to stop")
    assert "killed by SIGKILL" in served.log.read_text()
    assert not served.answers()


def test_a_killed_parent_leaves_nothing(served: Served) -> None:
    served.until(served.answers, "intake to answer")
    served.until(lambda: len(served.children("crossdock.roles")) == 5, "five roles")
    family = served.parent.children(recursive=True)
    assert served.postgres()
    served.process.kill()
    served.process.wait(10)
    served.until(lambda: not any(map(_lives, family)), "all to end")
    served.until(lambda: not served.postgres(), "PostgreSQL to stop")


def certificate(folder: Path) -> tuple[Path, Path]:
    """PEM files of a self-signed certificate for 127.0.0.1 and of its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "crossdock")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    files = folder / "tls.crt", folder / "tls.key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    files[1].chmod(0o600)
    return files


def asked(port: int, method: str, path: str, trusted: Path | None) -> tuple[int, dict[str, str]]:
    """Status and headers; over TLS that trusts the certificate, or in plain HTTP."""
    if trusted is None:
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    else:
        context = ssl.create_default_context(cafile=str(trusted))
        line = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
    with closing(line):
        line.request(method, path, body=b"{}" if method == "POST" else None)
        answer = line.getresponse()
        answer.read()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}


def test_with_a_certificate_both_doors_speak_tls_only(tmp_path: Path) -> None:
    trusted, key = certificate(tmp_path)
    served = Served(tmp_path, {"tls_certificate": str(trusted), "tls_key": str(key)})
    try:
        served.until(served.answers, "intake to answer")
        served.until(lambda: served.answers(served.console), "the console to answer")
        assert asked(served.intake, "GET", "/healthz", trusted)[0] == 200
        assert asked(served.intake, "POST", "/in/shopify/shop1", trusted)[0] == 401
        status, headers = asked(served.console, "GET", "/sign-in", trusted)
        assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert headers["strict-transport-security"] == "max-age=31536000"
        for port in (served.intake, served.console):
            with pytest.raises((http.client.HTTPException, OSError)):
                asked(port, "GET", "/healthz", None)
    finally:
        served.close()
