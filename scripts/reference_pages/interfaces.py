"""What Crossdock is spoken to by: the command line, HTTP and its errors, and the tables underneath."""

from importlib.resources import files
from typing import Any

from scripts.reference_pages.markdown import page, table


def cli() -> str:
    import typer

    from crossdock.cli.program import EPILOG, build

    program: Any = typer.main.get_command(build())
    parts = [_command(name, command) for name, command in commands(program)]
    intro = f"{EPILOG} `--debug`, anywhere on the line, shows the traceback of an error."
    return page("Command line", "the program's own commands", intro, *parts)


def commands(group: Any, above: str = "crossdock") -> list[tuple[str, Any]]:
    found = []
    for name, command in group.commands.items():
        called = f"{above} {name}"
        found += commands(command, called) if hasattr(command, "commands") else [(called, command)]
    return found


def _command(name: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    usage = " ".join([name, *(p.name.upper() if p.required else f"[{p.name.upper()}]" for p in arguments), "[OPTIONS]"])
    rows = [(f"`{p.name.upper()}`", p.help or "", _default(p)) for p in arguments]
    rows += [(f"`{', '.join(p.opts)}`", p.help or "", _default(p)) for p in options]
    shown = table(("argument or option", "meaning", "default"), rows) if rows else ""
    return "\n\n".join([f"## {name}", " ".join(command.help.split()), f"```\n{usage}\n```", shown])


def _default(param: Any) -> str:
    said = [f"`{param.envvar}`"] if param.envvar else []
    if param.required:
        said.append("required")
    elif param.default is not None and param.default is not False and param.default != "":
        said.append(f"`{param.default}`")
    return ", ".join(said)


def http_errors() -> str:
    from crossdock.api.problems import STATUS, TITLES
    from crossdock.intake.problems import PROBLEMS
    from crossdock.partner.problems import PROBLEMS as PARTNER

    partner = [(f"`{code}`", status, title, wait_s or "") for code, (status, title, wait_s) in PARTNER.items()]
    door = [(f"`{c}`", k.status, k.title, k.hint, k.retry_after_s or "") for c, k in PROBLEMS.items()]
    api = [(f"`{code}`", status, TITLES.get(code, "said in `detail`")) for code, status in STATUS.items()]
    return page(
        "HTTP errors",
        "`intake/problems.py`, `api/problems.py` and `partner/problems.py`",
        "Every error answer is `application/problem+json` (RFC 9457) with a stable `code`; `type` is "
        "`urn:crossdock:problem:<code>`.",
        "## Intake\n\nNothing was stored when one of these is answered. A connector may refuse with a code of "
        "its own, with the status and hint of the nearest line.\n\n"
        + table(("code", "status", "title", "what to do", "Retry-After, s"), door),
        "## Partner API\n\n" + table(("code", "status", "title", "Retry-After, s"), partner),
        "## Console and API\n\n" + table(("code", "status", "title"), api),
    )


def tables() -> str:
    """From the migrations' own text: each statement's comment, columns and checks."""
    folder = files("crossdock.store") / "migrations"
    parts = []
    for file in sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name):
        parts.append(f"## {file.name}\n\n```sql\n{file.read_text('utf-8').strip()}\n```")
    intro = (
        "The schema as it is applied, with its own comments. `messages`, `journal` and `attempts` are partitioned by "
        "month; partitions are made ahead by `crossdock serve`. Each migration is recorded in `schema_version` with "
        "its checksum. Bodies, states, entries and payloads are zstd-compressed."
    )
    return page("Tables", "`store/migrations/*.sql`", intro, *parts)


def api() -> str:
    from litestar import Litestar

    from crossdock.api.app import EVERYTHING
    from crossdock.api.policy import POLICY, ROLES

    rows = []
    for route in Litestar([*EVERYTHING], openapi_config=None).routes:
        for method, (handler, *_) in getattr(route, "route_handler_map", {}).items() or _handlers(route):
            if method == "OPTIONS":
                continue
            address = f"{method} {route.path_format}"
            roles = [role for role in ROLES if role in POLICY[address]]
            who = "anybody" if "" in POLICY[address] else "signed in" if len(roles) == len(ROLES) else ", ".join(roles)
            rows.append((f"`{address}`", _first_line(handler.fn), who))
    intro = (
        "Served by the console role. The whole contract is OpenAPI 3.1 at `GET /api/v1/openapi.json`, for whoever is "
        "signed in. A caller is a person's session (cookie) and, for every act, the header `X-CSRF-Token` with the "
        "value that `GET /api/v1/me` gives. There are no API keys yet. Errors: [HTTP errors](http-errors.md)."
    )
    rows.sort(key=lambda row: row[0].strip("`").split(" ")[1])
    return page("API", "the API's routes and its policy", intro, table(("route", "what", "who"), rows))


def _handlers(route: Any) -> list[tuple[str, tuple[Any, ...]]]:
    return [(method, (handler,)) for handler in route.route_handlers for method in sorted(handler.http_methods)]


def _first_line(function: Any) -> str:
    return (function.__doc__ or "").strip().partition("\n")[0]
