"""Every process carries its own libraries and no others: memory is paid once per process."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMON = (
    "import crossdock.app as app, crossdock.roles, crossdock.observe.telemetry, crossdock.store.postgres\n"
    "[app.connector(system) for system in app.SYSTEMS]; app.deciders()\n"
)
ROLES = {
    "decide": "import crossdock.engine.deciding",
    "deliver": "import crossdock.engine.delivering, crossdock.kit.door",
    "schedule": "import crossdock.engine.scheduling, crossdock.engine.sweeping, crossdock.engine.checking\n"
    "import crossdock.intake.polls",
    "intake": "import crossdock.intake.server",
}
# Signing is loaded with the first token, span export when there is a collector, rules where they are run.
NEVER = {"aiohttp", "jwt", "cryptography", "opentelemetry", "cel", "litestar", "jinja2", "typer", "prometheus_client"}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_loads_nothing_that_it_does_not_need(role: str) -> None:
    code = f"{COMMON}{ROLES[role]}\nimport sys; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    env = {"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    loaded = set(done.stdout.split())
    assert "crossdock" in loaded
    assert loaded & NEVER == set()
    assert ("granian" in loaded) == (role == "intake")
