"""Differences and day closes for pages to show: of every kind, severity and age, hostile words among them."""

from datetime import date, timedelta

from crossdock.domain.reconciling import DIFFERENCES, Difference
from crossdock.reconcile import certificate
from crossdock.reconcile.closing import Closed, content, day_of
from crossdock.reconcile.summing import as_list, rows_of
from crossdock.store import certificates
from crossdock.store.certificates import New
from crossdock.store.differences import Differences, Seen
from crossdock.store.postgres import PostgresStore
from crossdock.store.reading_differences import kinds
from tests.console.seed import ERP, PLACED, SHOP, XSS, key
from tests.reconcile.sides import sides

SECRET, PUBLIC = certificate.make_key()
CLOSED = date(2026, 11, 23)


async def differing(store: PostgresStore, count: int = 60) -> None:
    """``count`` open differences, two that are settled, one that is suspected; two routes' rounds."""
    books = Differences(store.pool)
    names = list(DIFFERENCES)
    seen = [
        Seen(key(n) if n < 40 else f"{SHOP}-unknown-{n}", Difference(
            names[n % len(names)], XSS if n == 3 else "somebody changed it", "110.00 AUD",
            XSS if n == 3 else "99.00 AUD", n % 9 == 4, DIFFERENCES[names[n % len(names)]].repair,
        ))
        for n in range(1, count + 3)
    ]  # fmt: skip
    looked = [one.order_key for one in seen]
    await books.note(SHOP, ERP, looked, seen, 0)
    await store.pool.execute("update differences set found_at = now() - make_interval(hours => (id % 400)::int)")
    standing, _ = await books.note(SHOP, ERP, looked, seen, 0)
    await books.told([(one.id, "told") for one in standing[::3]])
    await books.repaired([one.id for one in standing[::4]])
    await books.note(SHOP, ERP, looked, seen[2:], 0)
    await books.note(SHOP, ERP, [f"{SHOP}-new"], [Seen(f"{SHOP}-new", seen[0].difference)], 600)
    await books.round(SHOP, ERP, 2.0, 812, count, None)
    await books.round("amazon-us", ERP, 0.5, 0, 0, f"Unreachable: {XSS}")


async def closed(store: PostgresStore, day: date = CLOSED) -> tuple[int, int]:
    """A day that was closed and corrected; both certificates' numbers."""
    rows = [
        *rows_of(sides(), SHOP, ERP, "shop", ()),
        *rows_of(sides(erp={"currency": "USD"}), SHOP, ERP, "shop", ("erp_amount_differs",)),
    ]
    made = Closed(
        day_of(day, "Australia/Sydney"), rows, as_list(rows), await kinds(store.pool), ["amazon-us lists no orders"]
    )
    numbers = []
    for serial, reason in ((f"{day}-1", ""), (f"{day}-2", XSS)):
        replaced = await certificates.newest(store.pool, day)
        told = content(made, serial, PLACED + timedelta(days=1), "ada", replaced, reason)
        file = certificate.sign(told, certificate.private_key(SECRET.decode()))
        new = New(
            day,
            "Australia/Sydney",
            serial,
            certificate.digest(file),
            file,
            made.listed,
            replaced and replaced.id,
            "ada",
        )
        numbers.append(await certificates.keep(store.pool, new))
    return numbers[0], numbers[1]
