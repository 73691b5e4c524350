"""A NetSuite account that keeps books: OAuth with certificate JWTs, record v1, transforms, SuiteQL, limits.

Start at ``account.py``. It does its own arithmetic: nothing in its books is copied from a total somebody sent.
"""

from crossdock.simulators.netsuite.account import NetSuiteAccount
from crossdock.simulators.netsuite.credentials import Credentials, make_credentials

__all__ = ["Credentials", "NetSuiteAccount", "make_credentials"]
