"""The engine: claims, deciding in batches, commands with leases and fences, quotas, breakers, timers, wake-ups.

Knows no vendor and no order: streams are decided by a ``Decider``, systems reached through a ``Connector``, state
kept by a ``Store``. Start at ``deciding.py`` and ``delivering.py``; ``world.py`` is what they are given.
"""
