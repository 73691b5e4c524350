"""The same work through what a Python team would use instead: Celery on Redis, Procrastinate, DBOS.

``compare`` is what the runner calls. Start reading in ``job.py`` (the work itself, alike for all), then
``measuring.py`` (the frame of one run) and ``comparison.py`` (who runs when). The ``*_peer.py`` run in an environment
of their own, which is why nothing of Crossdock may be imported here at the top.
"""

from typing import Any


async def compare(quick: bool = False) -> dict[str, Any]:
    """``peers``: orders per second by name, None where there is no figure; ``peers_note`` says how, and why not."""
    from benchmarks.peers.comparison import compare as measured

    return await measured(quick)
