"""The rules that keep the shape: imports, style, types, file sizes, SQL in its place, documents."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "crossdock"
SOFT, HARD = 400, 600
SQL = re.compile(
    r"^\s*(select\s.+\sfrom|insert\s+into\s|update\s+\w+\s+set\s|delete\s+from\s|create\s+(table|index)|with\s+\w+\s+as\s*\()",
    re.IGNORECASE | re.DOTALL,
)
# Where SQL may stand outside store/sql: what makes the schema itself, and what speaks another system's SQL.
SQL_ELSEWHERE = {"store/migrate.py", "store/partitions.py", "connectors/netsuite", "simulators/netsuite"}


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)


def sources() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


@pytest.mark.timeout(300)
def test_style() -> None:
    done = run("ruff", "check", "--no-cache", "src", "tests")
    assert done.returncode == 0, done.stdout


@pytest.mark.timeout(600)
def test_types() -> None:
    done = run("mypy")
    assert done.returncode == 0, done.stdout[-8000:]


@pytest.mark.timeout(300)
def test_imports() -> None:
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", code, "--no-cache"]
    env = {"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_no_file_is_too_long() -> None:
    long = {str(p.relative_to(ROOT)): n for p in sources() if (n := len(p.read_text("utf-8").splitlines())) > HARD}
    assert not long, f"split by use: {long}"


def test_sql_stands_in_sql_files() -> None:
    found = [
        f"{path.relative_to(SOURCE)}:{node.lineno}"
        for path in sources()
        if not any(str(path.relative_to(SOURCE)).startswith(place) for place in SQL_ELSEWHERE)
        and "tests" not in path.relative_to(SOURCE).parts
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value)
    ]
    assert not found, f"put these statements into store/sql: {found}"


def test_only_the_roots_name_a_connector() -> None:
    """A text that names a connector's module (``import_module``) counts as an import."""
    allowed = ("app.py", "cli/", "demo/", "proof/", "connectors/", "console_role.py", "partner_role.py")
    pattern = re.compile(
        r"crossdock\.(?:connectors|simulators)\.(?:amazon|businesscentral|portal|shopify|netsuite|shiphero)"
    )
    found = [
        str(path.relative_to(SOURCE))
        for path in sources()
        if not str(path.relative_to(SOURCE)).startswith((*allowed, "simulators/"))
        and pattern.search(path.read_text("utf-8"))
    ]
    assert not found, f"only app.py, cli/, demo/ and proof/ may name one: {found}"


@pytest.mark.parametrize("package", sorted(p.parent.name for p in SOURCE.glob("*/__init__.py")))
def test_every_package_says_what_it_is_for(package: str) -> None:
    docstring = ast.get_docstring(ast.parse((SOURCE / package / "__init__.py").read_text("utf-8")))
    assert docstring, f"{package}/__init__.py: purpose, what it may not do, where to start"


def test_nothing_names_the_place_it_was_made_in() -> None:
    """Machine paths and mirrors do not belong into the project."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode != 0:
        pytest.skip("not a git checkout")
    names = re.compile(r"(?<![\w.~])/(?:home|Users)/[a-z]|--(?:extra-)?index-url\s+http")
    found = [
        name
        for name in tracked.stdout.split("\0")
        if name and (ROOT / name).is_file() and name != "tests/architecture/test_rules.py"
        and names.search((ROOT / name).read_bytes().decode("utf-8", "ignore"))
    ]  # fmt: skip
    assert not found


def test_every_command_is_documented() -> None:
    reference = ROOT / "docs" / "reference"
    text = "\n".join(page.read_text("utf-8") for page in reference.glob("*.md"))
    from crossdock.cli.program import build

    commands = [c.name or c.callback.__name__ for c in build().registered_commands if c.callback]
    missing = [name for name in commands if f"crossdock {name}" not in text]
    assert not missing, f"not in docs/reference: {missing}"
