"""The poll of settlement reports. Amazon makes them by itself, when it pays out; they cannot be asked for, only found.

A page either lists reports or brings one of them. The place keeps which reports were read, so that the overlap costs no
download: ``getReportDocument`` gives one a minute.
"""

import zlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec

from crossdock.connectors.amazon import topics
from crossdock.connectors.amazon.answers import Failed, NotFound, lost
from crossdock.connectors.amazon.client import Client
from crossdock.connectors.amazon.settlement_file import LARGEST
from crossdock.connectors.amazon.settlement_mapping import settlement_id_of
from crossdock.connectors.amazon.standing import books_amazons
from crossdock.domain.outcome import Rejected
from crossdock.kit.manifest import Found, Page
from crossdock.kit.polling import not_ahead, option_instant

TYPE = "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"
OVERLAP = timedelta(days=3)
OLDEST = timedelta(days=89)  # Amazon lists nothing beyond 90 days
_GZIP = 31


class Waiting(msgspec.Struct, frozen=True):
    """A report that is listed and not read yet."""

    report_id: str
    document_id: str
    created: datetime


class ReportCursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """``since`` is fixed while a run pages through; ``seen`` becomes the next one's. ``begun``: no report made before
    it is read. ``tokens``: digests of this run's page tokens, to notice one that comes again. ``known``: report -> when
    it was made, of what was read within the overlap."""

    since: datetime
    seen: datetime
    begun: datetime
    until: datetime | None = None
    after: str | None = None
    listed: bool = False
    round: bool = False  # the list's pages came round
    tokens: tuple[str, ...] = ()
    pending: tuple[Waiting, ...] = ()
    known: dict[str, datetime] = {}


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(ReportCursor).decode
_replace = msgspec.structs.replace


async def settlements(client: Client, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """One page: a list of reports, or one report. Raises ``Failed``, ``NotSent``, ``AnswerLost``."""
    if client.line.settings.get("settlements") is not True:
        return Page((), "off: settlements is not set")
    at = _decode(cursor) if cursor and cursor.startswith("{") else _start(client, options)
    if at.pending:
        return await _read(client, at)
    return await _list(client, at)


def _start(client: Client, options: Mapping[str, Any]) -> ReportCursor:
    now = client.line.now()
    since, until = option_instant(options.get("since")), option_instant(options.get("until"))
    begun = (since or (now - OLDEST if until else now)).replace(microsecond=0)  # Amazon tells seconds
    return ReportCursor(begun, begun, begun, until=until)


async def _list(client: Client, at: ReportCursor) -> Page:
    since = max(at.since - OVERLAP, client.line.now() - OLDEST)
    try:
        page = await client.reports(TYPE, since, at.until, at.after)
    except Failed as failed:
        if at.after is None or not isinstance(failed.outcome, Rejected):
            raise
        at = _replace(at, after=None, tokens=())  # a page token that is too old: the run begins again
        page = await client.reports(TYPE, since, at.until, None)
    at = not_ahead(at, client.told_at)
    new = tuple(
        Waiting(one.report_id, one.report_document_id, one.created_time)
        for one in page.reports
        if one.report_document_id
        and one.report_type == TYPE
        and one.created_time >= at.begun
        and one.report_id not in at.known
    )
    at = _replace(at, pending=new, seen=max([at.seen, *(one.created_time for one in page.reports)]))
    return _following(_turned(at, page.next_token), ())


def _turned(at: ReportCursor, token: str | None) -> ReportCursor:
    """Where the list goes on. A token that comes again would never end: the list ends, and the run ends aloud."""
    if not token:
        return _replace(at, after=None, listed=True)
    digest = sha256(token.encode()).hexdigest()[:12]
    if digest in at.tokens:
        return _replace(at, after=None, listed=True, round=True)
    return _replace(at, after=token, tokens=(*at.tokens, digest))


async def _read(client: Client, at: ReportCursor) -> Page:
    report, *rest = at.pending
    body = await _fetched(client, report.document_id)
    connection = client.line.connection
    key = f"{connection}-{settlement_id_of(body) or f'report-{report.report_id}'}"
    whole = books_amazons(client.line.settings)
    topic = topics.SETTLEMENT if whole else topics.SETTLEMENT_OF_OURS
    found = Found(f"settlement-report/{report.report_id}", topic, "settlement", key, body)
    at = _replace(at, pending=tuple(rest), known={**at.known, report.report_id: report.created})
    return _following(at, (found,))


async def _fetched(client: Client, document_id: str) -> bytes:
    """The report's text. One that Amazon keeps no more, after 90 days, becomes an exception and holds up no other."""
    try:
        document = await client.report_document(document_id)
    except NotFound as gone:
        return f"{gone}\n".encode()
    return _unpacked(await client.download(document.url), document.compression_algorithm)


def _unpacked(body: bytes, algorithm: str | None) -> bytes:
    """The report's text, and never more than ``LARGEST`` of it, whatever a small file claims to unpack to. What is that
    long, or cannot be unpacked, is kept as it is and becomes an exception."""
    if algorithm != "GZIP":
        return body[:LARGEST]
    unpacking = zlib.decompressobj(_GZIP)
    try:
        text = unpacking.decompress(body, LARGEST)
    except zlib.error:
        return body[:LARGEST]
    if not unpacking.eof and not unpacking.unconsumed_tail:
        raise Failed(lost("document_unreadable", "A report ends before its end.", False))
    return text


def _following(at: ReportCursor, found: tuple[Found, ...]) -> Page:
    """The place to go on from: what is listed is read before more is listed."""
    if at.pending or not at.listed:
        return Page(found, _encode(at).decode(), more=True)
    since = at.since if at.round else at.seen
    known = {report: created for report, created in at.known.items() if created >= since - OVERLAP}
    done = _replace(at, since=since, seen=since, listed=False, round=False, tokens=(), known=known)
    # After a list that came round the run goes on where it began: the poll loop sees a place it had and says so.
    return Page(found, _encode(done).decode(), more=at.round)
