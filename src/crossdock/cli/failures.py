"""What foreseen errors are to a person: one paragraph, and the program's exit code."""

DONE, FAILED, USAGE, CONFIGURATION, UNAVAILABLE, REFUSED = 0, 1, 2, 3, 4, 5
# Classes of PostgreSQL's codes: connection, sign-in, no such database, resources, shutting down or starting, system.
_REFUSING = ("08", "28", "3D", "53", "57", "58")


def said(failed: Exception) -> tuple[str, int]:
    """The paragraph for a person, and the exit code."""
    kind = type(failed).__name__
    if kind in ("ConfigError", "SecretError", "Insecure", "NotOurs", "NoBackfill", "BadKey"):
        return str(failed), CONFIGURATION
    if kind in ("StoreUnavailable", "EmbeddedFailed", "SchemaMismatch", "Unreachable", "Unready", "CannotAsk"):
        return str(failed), UNAVAILABLE
    if kind in ("Refusal", "PeopleError", "NotOver", "AlreadyClosed"):
        return str(failed), REFUSED
    if kind == "BadCertificate":
        return str(failed), FAILED
    if kind == "ClientConfigurationError":  # asyncpg's: what it could not read, never the address itself
        return f"DATABASE_URL cannot be used: {failed}. Write postgresql://user@host:5432/crossdock.", CONFIGURATION
    if str(getattr(failed, "sqlstate", None) or "")[:2] in _REFUSING:
        return f"The database takes no connection: {failed}. Check DATABASE_URL and the server.", UNAVAILABLE
    if isinstance(failed, OSError):
        return f"The database or a file cannot be reached: {str(failed) or kind}", UNAVAILABLE
    return f"This is a bug in Crossdock ({kind}: {failed}). Run it again with --debug and report what it shows.", FAILED
