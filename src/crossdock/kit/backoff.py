"""How long to wait before the next try. Pure: randomness comes in with the call."""

from random import Random

import msgspec

_LARGEST_POWER = 60  # beyond it 2**n says nothing new and only grows


class Backoff(msgspec.Struct, frozen=True):
    """Exponential with full jitter: anywhere between nothing and ``base_s * 2**tries``, at most ``cap_s``.

    Full jitter spreads callers that failed together better than a delay with some jitter added to it.
    """

    base_s: float = 1.0
    cap_s: float = 300.0

    def ceiling_s(self, tries: int) -> float:
        """The longest wait after ``tries`` failed tries (0: the first one)."""
        return min(self.cap_s, self.base_s * 2.0 ** min(max(tries, 0), _LARGEST_POWER))

    def delay_s(self, tries: int, random: Random) -> float:
        """A wait drawn from ``random``."""
        return random.uniform(0.0, self.ceiling_s(tries))
