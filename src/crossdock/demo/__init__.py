"""The demo: simulated vendors in one process, Crossdock between them, faults on purpose, a reconciliation at the end.

Like ``app.py`` it may name connectors and simulators. Start at ``run.py``; ``books.py`` says what balances.
"""
