"""Amazon's limits: a token bucket per operation, and the header that tells its rate."""

from collections.abc import Callable
from datetime import datetime

# Operation -> calls a second, burst: the default usage plans of the published models.
PLANS = {
    "searchOrders": (0.0056, 20.0),
    "getOrder": (0.5, 30.0),
    "confirmShipment": (2.0, 10.0),
    "getMarketplaceParticipations": (0.016, 15.0),
    "getListingsItem": (5.0, 10.0),
    "searchListingsItems": (5.0, 5.0),
    "patchListingsItem": (5.0, 5.0),
    "getReports": (0.0222, 10.0),
    "getReportDocument": (0.0167, 15.0),
}


class Buckets:
    """``factor`` multiplies every plan: a seller whose business asks for more may have it."""

    def __init__(self, now: Callable[[], datetime], factor: float) -> None:
        self._now, self.factor = now, factor
        self._left = {name: burst * factor for name, (_, burst) in PLANS.items()}
        self._at = dict.fromkeys(PLANS, now())

    def take(self, operation: str) -> bool:
        """One token of the operation's bucket, if there is one."""
        rate, burst = PLANS[operation]
        now = self._now()
        passed = max(0.0, (now - self._at[operation]).total_seconds())
        self._at[operation] = now
        left = min(burst * self.factor, self._left[operation] + passed * rate * self.factor)
        self._left[operation] = left - 1 if left >= 1 else left
        return left >= 1

    def rate(self, operation: str) -> str:
        return f"{PLANS[operation][0] * self.factor:.10g}"
