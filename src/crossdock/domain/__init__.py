"""The canonical model and every decision about it. Pure: imports the standard library and msgspec only.

Nothing here reads a clock, makes an id, or talks to anything: the instant, the masters and the policy come
in with the call. Start at ``events.py`` (what can happen), ``order_decider.py`` (what follows from it) and
``process.py`` (the steps of an order).

Frozen types are ``gc=False``: they cannot form cycles, and the collector's walks over thousands of order lines cost
more than deciding does.
"""
