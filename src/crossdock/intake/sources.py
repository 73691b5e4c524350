"""Who is sending, and whether they send too much: settled before any work is done on their bytes."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

Network = IPv4Network | IPv6Network
_ROUNDED = 1e-6  # of a token: sums of seconds are rounded, and a whole token must not be refused for it


class SourceLimit:
    """One token bucket per source address, refilled at ``rate_per_s`` up to ``burst``. Remembers ``most`` addresses."""

    def __init__(self, rate_per_s: float, burst: float, stopwatch: Callable[[], float], most: int = 10_000) -> None:
        self._rate, self._burst, self._stopwatch, self._most = rate_per_s, burst, stopwatch, most
        self._full_at: OrderedDict[str, float] = OrderedDict()  # when each bucket will be full again

    def take(self, source: str) -> bool:
        """Take one token; False when the source has none left."""
        now = self._stopwatch()
        full_at = max(self._full_at.get(source, now), now) + 1 / self._rate
        if (full_at - now) * self._rate > self._burst + _ROUNDED:
            return False
        self._full_at[source] = full_at
        if len(self._full_at) > self._most:
            self._full_at.popitem(last=False)
        return True

    def give_back(self, source: str) -> None:
        """The token that was taken last counts for nothing."""
        if source in self._full_at:
            self._full_at[source] -= 1 / self._rate

    def wait_s(self, source: str) -> float:
        """Until the source has a token again."""
        now = self._stopwatch()
        return max(0.0, self._full_at.get(source, now) - now + (1 - self._burst) / self._rate)


def source_of(peer: str, headers: Mapping[str, str], proxies: Sequence[Network]) -> str:
    """The sender's address: the peer's own, or the nearest untrusted one that trusted proxies say they speak for."""
    if not proxies or not _trusted(peer, proxies):
        return peer
    for hop in reversed(headers.get("x-forwarded-for", "").split(",")):
        address = hop.strip()
        if address and not _trusted(address, proxies):
            return address
    return peer


def _trusted(address: str, proxies: Sequence[Network]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in proxies)
