"""What a connector is made of: import from here and from ``crossdock.domain``, nothing else of ours.

A connector is one folder under ``connectors/``; see ``docs/howto/write-a-connector.md``. Start at ``manifest.py``.
"""
