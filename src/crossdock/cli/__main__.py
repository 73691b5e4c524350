"""``python -m crossdock.cli``."""

from crossdock.cli import main

main()
