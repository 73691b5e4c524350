"""A Business Central company that keeps books: Entra ID tokens, API v2.0, $batch, posting, polls, limits.

Start at ``company.py``. It does its own arithmetic and its own VAT: nothing in its books is copied from a total that
somebody sent. It accepts an order that is sent twice as two orders, as Business Central does.
"""

from crossdock.simulators.businesscentral.company import BusinessCentralCompany
from crossdock.simulators.businesscentral.tokens import Registration

__all__ = ["BusinessCentralCompany", "Registration"]
