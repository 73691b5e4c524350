"""What is not mapped, as people read it: the configuration's tables against what the systems were read to have."""

from collections.abc import Sequence

from crossdock.governance.mapped import Coverage, Mapped, coverage
from crossdock.kit.manifest import Value
from crossdock.store import value_lists
from crossdock.store.reading import Database


async def unmapped(pool: Database, mappings: Sequence[Mapped]) -> list[Coverage]:
    """How far each declared list is mapped, on either side."""
    lists = {place: [Value(*each) for each in found] for place, found in (await value_lists.all_lists(pool)).items()}
    return coverage(mappings, lists)
