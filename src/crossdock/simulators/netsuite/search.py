"""Finding documents: ``q=`` on a record's list, and SuiteQL over the account's tables. Both may lag behind writes."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from crossdock.simulators.base import Reply
from crossdock.simulators.netsuite.answers import Refusal, found
from crossdock.simulators.netsuite.catalogue import CURRENCIES, SHIP_ITEMS
from crossdock.simulators.netsuite.ledger import STATUS, Document
from crossdock.simulators.netsuite.pricebook import COLUMNS as PRICE_COLUMNS
from crossdock.simulators.netsuite.suiteql import Row, Tables, run
from crossdock.simulators.netsuite.suiteql_facts import ANY, Facts
from crossdock.simulators.netsuite.suiteql_words import refused

if TYPE_CHECKING:
    from crossdock.simulators.netsuite.account import NetSuiteAccount

PAGE_LIMIT = 1000
_Q = re.compile(r'\s*externalId\s+IS\s+"([^"]+)"\s*\Z', re.IGNORECASE)
TYPES = {
    "salesOrder": "SalesOrd",
    "itemFulfillment": "ItemShip",
    "invoice": "CustInvc",
    "creditMemo": "CustCred",
    "customerRefund": "CustRfnd",
    "journalEntry": "Journal",
    "customerPayment": "CustPymt",
    "customerDeposit": "CustDep",
    "depositApplication": "DepAppl",
    "returnAuthorization": "RtnAuth",
    "itemReceipt": "ItemRcpt",
}
_LINE_ONLY = ("item", "itemtype", "quantity", "quantityshiprecv", "isclosed")  # a main line has none of them
_COLUMNS = {
    "item": "id itemid displayname isinactive itemtype lastmodifieddate externalid unitstype stockunit saleunit",
    "customer": "id entityid altname email isinactive currency lastmodifieddate externalid vatregnumber "
    "defaultbillingaddress pricelevel",
    "entityaddress": "nkey zip",
    "currency": "id symbol name",
    "shipitem": "id itemid isinactive",
    "transaction": "id tranid type externalid otherrefnum entity currency foreigntotal status trandate "
    "createddate lastmodifieddate",
    "aggregateitemlocation": "item location quantityonhand quantityavailable quantitycommitted "
    "lastquantityavailablechange",
    "transactionline": "id transaction mainline createdfrom item itemtype quantity quantityshiprecv isclosed "
    "linesequencenumber",
    **PRICE_COLUMNS,
}


class Search:
    def __init__(self, account: "NetSuiteAccount", time_zone: str) -> None:
        self._account = account
        self._zone = UTC if time_zone == "UTC" else ZoneInfo(time_zone)

    def listed(self, kind: str, query: Mapping[str, str]) -> Reply:
        """``GET /{record}?q=externalId IS "…"``: links only."""
        match = _Q.match(query.get("q", ""))
        if match is None or kind not in TYPES:
            raise Refusal(400, "INVALID_PARAMETER", f"Invalid query {query.get('q')!r}.", "q")
        items = [{"id": d.id, "links": []} for d in self._documents(kind) if d.external_id == match.group(1)]
        return found(
            {
                "links": [],
                "count": len(items),
                "hasMore": False,
                "items": items,
                "offset": 0,
                "totalResults": len(items),
            }
        )

    def queried(self, statement: Any, query: Mapping[str, str]) -> Reply:
        if not isinstance(statement, str):
            raise refused("The body must hold the statement in 'q'.")
        limit, offset = _count(query, "limit", PAGE_LIMIT), _count(query, "offset", 0)
        if limit > PAGE_LIMIT or (limit and offset % limit):
            raise refused("Limit must be at most 1000 and offset divisible by it.")
        rows = run(statement, self._tables())
        page = [{"links": [], **row} for row in rows[offset : offset + limit]]
        more = len(rows) > offset + limit
        return found(
            {
                "links": [],
                "count": len(page),
                "hasMore": more,
                "items": page,
                "offset": offset,
                "totalResults": len(rows),
            }
        )

    def _documents(self, kind: str | None = None) -> list[Document]:
        shown, documents = self._shown_from(), self._account.ledger.documents.values()
        return [d for d in documents if kind in (None, d.type) and d.created <= shown]

    def _shown_from(self) -> datetime:
        """Searches show what was made until then."""
        return self._account.now - timedelta(seconds=self._account.faults.search_lag_s)

    def _tables(self) -> Tables:
        scanned: dict[str, Callable[[], Iterator[Row]]] = {
            "item": self._items,
            "customer": self._customers,
            "entityaddress": self._addresses,
            "shipitem": lambda: (
                {"id": int(ref), "itemid": name, "isinactive": "F"} for ref, name in SHIP_ITEMS.items()
            ),
            "currency": lambda: ({"id": int(ref), "symbol": code, "name": code} for ref, code in CURRENCIES.items()),
            "aggregateitemlocation": self._balances,
            "pricing": self._account.prices.prices,
            "pricelevel": self._account.prices.level_rows,
            "customeritempricing": self._account.prices.own,
            "unitstypeuom": self._account.prices.unit_rows,
        }
        sources: dict[str, Callable[[Facts], Iterator[Row]]] = {
            "transaction": self._transactions,
            "transactionline": self._lines,
            **{name: _whatever(rows) for name, rows in scanned.items()},
        }
        return {name: (frozenset(_COLUMNS[name].split()), rows) for name, rows in sources.items()}

    def _items(self) -> Iterator[Row]:
        for item in self._account.items.values():
            yield {
                "id": int(item.id),
                "itemid": item.itemid,
                "displayname": item.displayname,
                "isinactive": "T" if item.inactive else "F",
                "itemtype": item.type,
                "lastmodifieddate": self._wall(item.modified),
                "externalid": None,
                **self._account.prices.units_of(item),
            }

    def _customers(self) -> Iterator[Row]:
        for known in self._account.customers.values():
            yield {
                "id": int(known.id),
                "entityid": known.name,
                "email": known.email,
                "isinactive": "T" if known.inactive else "F",
                "currency": int(known.currency),
                "lastmodifieddate": self._wall(known.modified),
                "externalid": known.external_id,
                "altname": known.name,
                "vatregnumber": known.tax_number,
                "defaultbillingaddress": int(known.id) if known.postcode else None,
                "pricelevel": int(level) if (level := self._account.prices.levels.get(known.id)) else None,
            }

    def _addresses(self) -> Iterator[Row]:
        for known in self._account.customers.values():
            if known.postcode:
                yield {"nkey": int(known.id), "zip": known.postcode}

    def _meant(self, facts: Facts, named_by: str) -> Iterator[Document]:
        """The documents that facts about a table's columns leave; ``named_by``: the column with their internal id."""
        ids = facts.get(named_by, ANY).values
        if ids is None:
            return iter(self._documents())
        shown, known = self._shown_from(), self._account.ledger.documents
        named = (known[str(ref)] for ref in ids if str(ref) in known)
        return iter(sorted((d for d in named if d.created <= shown), key=lambda d: int(d.id)))

    def _transactions(self, facts: Facts) -> Iterator[Row]:
        kind, key = facts.get("type", ANY), facts.get("externalid", ANY)
        changed = facts.get("lastmodifieddate", ANY)
        for document in self._meant(facts, "id"):
            if not (kind.admits(TYPES[document.type]) and key.admits(document.external_id)):
                continue
            modified = self._wall(document.modified)
            if not changed.admits(modified):
                continue
            yield {
                "id": int(document.id),
                "tranid": document.number,
                "type": TYPES[document.type],
                "externalid": document.external_id,
                "otherrefnum": document.header.get("otherRefNum"),
                "entity": int(document.entity) if document.entity else None,
                "currency": int(document.currency),
                # A credit is told as what it does to the customer's account.
                "foreigntotal": -document.total if document.type == "creditMemo" else document.total,
                "status": STATUS[document.status],
                "trandate": self._wall(document.created),
                "createddate": self._wall(document.created),
                "lastmodifieddate": modified,
            }

    def _lines(self, facts: Facts) -> Iterator[Row]:
        main, origin = facts.get("mainline", ANY), facts.get("createdfrom", ANY)
        for document in self._meant(facts, "transaction"):
            source = int(document.created_from) if document.created_from else None
            if not origin.admits(source):
                continue
            base = {"transaction": int(document.id), "createdfrom": source}
            sold = document.type in ("salesOrder", "invoice")  # what goes out is stated with a minus in SuiteQL
            if main.admits("T"):
                yield {**base, **dict.fromkeys(_LINE_ONLY), "id": 0, "mainline": "T", "linesequencenumber": 0}
            for line in document.lines if main.admits("F") else ():
                yield {
                    **base,
                    "id": line.line,
                    "mainline": "F",
                    "item": int(line.item),
                    "itemtype": line.type,
                    "quantity": -line.quantity if sold else line.quantity,
                    "quantityshiprecv": line.fulfilled,
                    "isclosed": "T" if line.closed else "F",
                    "linesequencenumber": line.line,
                }

    def _balances(self) -> Iterator[Row]:
        for balance in self._account.stock.balances():
            yield {
                "item": int(balance.item),
                "location": int(balance.location),
                "quantityonhand": None if balance.item in self._account.stock.blank else balance.on_hand,
                "quantityavailable": balance.available,
                "quantitycommitted": balance.committed,
                "lastquantityavailablechange": self._wall(balance.changed),
            }

    def _wall(self, at: datetime) -> datetime:
        """SuiteQL's dates: the account's wall time, whole seconds, no zone."""
        return at.astimezone(self._zone).replace(tzinfo=None, microsecond=0)


def _whatever(rows: Callable[[], Iterator[Row]]) -> Callable[[Facts], Iterator[Row]]:
    """A short table, read whole."""
    return lambda _facts: rows()


def _count(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not text.isdigit():
        raise refused(f"Parameter {name} must be a number.")
    return int(text)
