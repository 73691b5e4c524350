"""Real processes, broken for real: PostgreSQL, two ``crossdock serve``, the vendors, and faults on the lines between.

Start with ``python -m chaos --help``. ``rounds.py`` runs a campaign, ``plan.py`` says what breaks when, ``breaking.py``
breaks it, ``proxy.py`` is the line between any two of them, ``judge.py`` compares the vendors' own books at the end.
Nothing in the product knows that any of this exists.
"""
