"""How hypothesis behaves in every test of the repository, the connectors' own included.

``steady`` (the default)  the same examples on every machine and every run: a red test is red for everybody
``explore``               others every time; ``pytest --hypothesis-profile=explore`` prints what repeats a failure
"""

import os
import tempfile
from pathlib import Path

from hypothesis import configuration, settings

settings.register_profile("steady", derandomize=True, database=None, deadline=None, print_blob=True)
settings.register_profile("explore", derandomize=False, database=None, deadline=None, print_blob=True)
settings.load_profile("steady")
# What hypothesis keeps for its own speed stays out of the working tree.
configuration.set_hypothesis_home_dir(Path(tempfile.gettempdir()) / f"crossdock-hypothesis-{os.getuid()}")
