"""Durable state: the ``Store`` protocol, PostgreSQL behind it, the embedded server, migrations, and reading models.

All SQL is in ``sql/*.sql`` as named statements. Nothing here decides anything about orders. Start at ``protocol.py``.
"""
