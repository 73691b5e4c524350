"""A simulated Shopify store with books of its own: ``ShopifySimulator``.

Serves the Admin GraphQL API 2026-10 as far as a fulfilment integration uses it, sends signed webhooks and takes
orders on command (``act("place_order", {"count": 10})``). Start at ``simulator.py``; ``books.py`` holds the rules.
"""

from crossdock.simulators.shopify.simulator import ShopifySimulator

__all__ = ["ShopifySimulator"]
