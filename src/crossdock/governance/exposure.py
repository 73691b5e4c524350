"""Refuses to start in a way that lets strangers in: plain HTTP beyond this machine, debug switches, half a TLS pair."""

from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path

import msgspec

from crossdock.governance.config import ServeSetup


class Insecure(Exception):
    """Crossdock will not start like this. The text lists each reason and what to do."""


class Address(msgspec.Struct, frozen=True):
    host: str
    port: int

    @property
    def loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


def address(text: str, what: str) -> Address:
    """``host:port`` (``[::1]:8480`` for IPv6). Raises ``Insecure`` when it is not one."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdigit() or int(port) > 65535:
        raise Insecure(f"The {what} address '{text}' is not host:port, such as 127.0.0.1:8480.")
    return Address(host, int(port))


def refuse_insecure(serve: ServeSetup, env: Mapping[str, str]) -> None:
    """Raises ``Insecure`` with every reason not to start."""
    reasons = [*_debug(env), *_tls(serve)]
    for what, text in (("intake", serve.intake), ("console", serve.console), ("partner API", serve.partner)):
        if text is not None and not address(text, what).loopback and not serve.tls_certificate and not serve.proxy:
            reasons.append(
                f"The {what} would listen on {text} in plain HTTP. Give serve.tls_certificate and serve.tls_key, "
                "or name the proxy that ends TLS in front of it: serve.proxy."
            )
    if serve.public_url and serve.public_url.startswith("http://") and not _local(serve.public_url):
        reasons.append(f"serve.public_url is {serve.public_url}: people would sign in over plain HTTP. Use https.")
    if reasons:
        raise Insecure("\n".join(reasons))


def _debug(env: Mapping[str, str]) -> list[str]:
    on = [n for n in ("DEBUG", "CROSSDOCK_DEBUG", "LITESTAR_DEBUG", "PYTHONASYNCIODEBUG") if _is_on(env.get(n, ""))]
    return [f"{name} is set: debug pages show internals to everybody. Unset it." for name in on]


def _is_on(value: str) -> bool:
    return value.strip().lower() not in ("", "0", "false", "no", "off")


def _tls(serve: ServeSetup) -> list[str]:
    if bool(serve.tls_certificate) != bool(serve.tls_key):
        return ["TLS needs both serve.tls_certificate and serve.tls_key."]
    if missing := [file for file in (serve.tls_certificate, serve.tls_key) if file and not Path(file).is_file()]:
        return [
            f"The TLS file {file} is not there. Relative paths begin where Crossdock is started." for file in missing
        ]
    if serve.tls_key and Path(serve.tls_key).stat().st_mode & 0o004:
        return [f"The TLS key {serve.tls_key} can be read by everybody. Run: chmod 600 {serve.tls_key}"]
    return []


def _local(url: str) -> bool:
    host = url.removeprefix("http://").split("/")[0]
    name = host.rpartition(":")[0] if ":" in host else host
    return Address(name.removeprefix("[").removesuffix("]"), 0).loopback
