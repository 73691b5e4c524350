"""Crossdock: order-sync middleware a distributor runs itself.

Start reading at ``docs/explanation/way-of-an-order.md``, then ``domain/`` (what is decided),
``engine/`` (how it is decided durably) and ``kit/`` (what a connector is made of).
"""

__version__ = "0.1.0"
