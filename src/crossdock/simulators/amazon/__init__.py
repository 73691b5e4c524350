"""A simulated Amazon seller account with books of its own: ``AmazonSimulator``.

Serves Login with Amazon, the Orders API 2026-01-01, ``confirmShipment`` of Orders v0, the sellers' marketplaces, and
the SQS queue that ORDER_CHANGE notifications go to. Start at ``simulator.py``; ``books.py`` holds the rules.
"""

from crossdock.simulators.amazon.simulator import AmazonSimulator

__all__ = ["AmazonSimulator"]
