"""The vendor's link to the next page of a list."""

from crossdock.kit.manifest import Unreachable


def rest_of(link: str, entity: str) -> str:
    """What follows the entity in the link; the host is ours, whatever the link says. Raises ``Unreachable``."""
    _, mark, query = link.partition(f"/{entity}?")
    if not mark or not query.isprintable() or " " in query:
        raise Unreachable(f"Business Central's link to the next page cannot be read: {link[:200]}")
    return query
