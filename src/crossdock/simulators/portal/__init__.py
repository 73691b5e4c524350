"""A partner's portal: its callback, which proves who calls and acts once on each call. Start at ``simulator.py``."""

from crossdock.simulators.portal.simulator import PortalSimulator

__all__ = ["PortalSimulator"]
