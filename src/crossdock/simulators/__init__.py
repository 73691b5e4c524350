"""Vendors as small servers with their own books, rules, quotas and faults on demand. Start at ``base.py``.

A simulator is written from the vendor's facts and contract, never from our connector: it must refuse what the
vendor refuses. It knows nothing of Crossdock and imports nothing of it but ``simulators.base``.
"""
