"""`crossdock prove`: the real engine and connectors in simulated time, with every fault that reality has.

Vendors, network, clock and database live outside the crashed process. Same seed, same run.
"""
