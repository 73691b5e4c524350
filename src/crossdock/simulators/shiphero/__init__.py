"""A ShipHero account: GraphQL with credits, tokens, an order book, pickers who take their time, signed webhooks.

Start at ``simulator.py``. ``warehouse.py`` holds the books and what happens on the floor, ``schema.py`` what the API
knows and refuses, ``language.py`` reads GraphQL documents.
"""

from crossdock.simulators.shiphero.simulator import ShipHeroSimulator

__all__ = ["ShipHeroSimulator"]
