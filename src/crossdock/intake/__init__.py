"""Everything that enters: verify, identify, store, answer.

No parsing into canonical form, no business rule, no vendor call on the hot path. Start at ``app.py``.
"""
