"""`crossdock prove`: the real engine and connectors in simulated time, with every fault that reality has.

Vendors, network, clock and database live outside the crashed process. Same seed, same run.
"""

from pathlib import Path

REPORT = Path("proof") / "report.json"  # in the data folder: what ``prove --keep`` writes and the console shows
