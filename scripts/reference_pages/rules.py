"""What follows from what, from the very tables that the deciders ask."""

from typing import Any

from scripts.reference_pages.markdown import page, table, words

PARKED = (
    ("*connector's code*", "mapping", "A stored message cannot be translated; the field is named."),
    ("`translate_failed`, `decide_failed`", "bug", "A fault of Crossdock on this message; the log has the traceback."),
    ("`decision_not_storable`", "bug", "The database refused what was decided; the facts say why."),
)


def problems() -> str:
    from crossdock.domain.problems import CATALOGUE, DEEDS, FAILURES

    rows = [(f"`{code}`", k.klass, k.owner, k.hint) for code, k in CATALOGUE.items()]
    failures = [(f"`<purpose>.{name}`", k.klass, k.owner, k.hint) for name, k in FAILURES.items()]
    head = ("code", "class", "owner", "what to do")
    purposes = "Purposes: " + ", ".join(f"`{purpose}` ({deed})" for purpose, deed in DEEDS.items()) + "."
    return page(
        "Exceptions",
        "`domain/problems.py`",
        "What a person may find under Exceptions. Equal causes share a fingerprint and are one line there. "
        "[How to work them](../howto/work-the-exceptions.md).",
        "## About an order\n\n" + table(head, rows),
        "## About a command\n\nThe code is the command's purpose and how it failed, as in `order.book.rejected`. "
        + purposes + "\n\n" + table(head, failures),
        "## About a message\n\nThe order's stream is parked: its later messages wait beside the agenda until a person "
        "retries. No other order is affected.\n\n" + table(("code", "class", "what it means"), PARKED),
    )  # fmt: skip


def order_states() -> str:
    from crossdock.domain.lattice import AXES, RELEASE
    from crossdock.domain.process import PROCESS, UNDO

    axes = "\n".join(f"{axis + ':':<13}{' → '.join(chain)}" for axis, chain in AXES.items())
    head = ("step", "name", "kind", "done means", "command", "taken back by")
    steps = [(s.title, f"`{s.name}`", s.kind, s.means, s.purpose or "", s.undo or "") for s in PROCESS]
    undo = [(s.title, f"`{s.name}`", s.means, s.purpose or "") for s in UNDO]
    return page(
        "States of an order",
        "`domain/lattice.py` and `domain/process.py`",
        "## Axes\n\nAn order has several axes. Each is a chain that is only climbed: what arrives late cannot pull it "
        f"down, steps may be skipped.\n\n```\n{axes}\n```",
        "The warehouse's word tells no time, so the furthest counts:\n\n```\n" + " → ".join(RELEASE) + "\n```",
        "## Steps\n\nThe order's page shows this list with times and reasons. A step that does not apply is skipped "
        "and says why.\n\n" + table(head, steps),
        "## After a cancellation\n\nIn this order, as far as the order had come. What nobody can take back asks a "
        "person.\n\n" + table(("step", "name", "done means", "command"), undo),
    )


def refunds() -> str:
    from crossdock.domain.refunding import MEANINGS, TABLE, Billing, Document
    from crossdock.domain.restocking import MEANINGS as SHELVES
    from crossdock.domain.restocking import TABLE as STOCK
    from crossdock.domain.restocking import Asked, Goods, Shelf
    from crossdock.domain.shares import Share

    billing = {
        Billing.NOT_INVOICED: "the ERP has billed nothing yet, or not all",
        Billing.OPEN: "billed; the invoice stands open (`payments: open`)",
        Billing.PAID: "billed, and paid as it was billed (`payments: paid`)",
        Billing.DEPOSIT: "the money was taken in advance on the sales order, by others (`payments: deposit`) or as our "
        "own deposits (`payments: advance`)",
        Billing.CALLED_OFF: "cancelled before anything was billed, with deposits of ours (`payments: advance`)",
    }
    share = {
        Share.UNITS_OFF: "units cancelled before they left and before they were billed",
        Share.UNITS: "units that had left, whether they come back or not; or that were billed",
        Share.CHARGE: "shipping, duty, fee, tip",
        Share.AMOUNT: "no line: goodwill, or what was kept back of lines",
    }
    goods = {
        Goods.UNTOLD: "no warehouse was told of them, and none tells of them",
        Goods.EXPECTED: "the warehouse expects them (`announce_returns`)",
        Goods.RESTOCKED: "the warehouse has them, and put them back",
        Goods.WRITTEN_OFF: "the warehouse has them, has finished the return, and did not put them back",
        Goods.UNAUTHORISED: "the warehouse has them, and nobody authorised them",
    }
    asked = {
        Asked.NO_REFUND: "nothing: no refund has them",
        Asked.PUT_BACK: "they are refunded, and put back",
        Asked.NOT_PUT_BACK: "they are refunded, and not put back",
    }
    receipts = {True: "receipts posted", False: "none posted"}
    shelves = [
        (f"{words(one)}, {receipts[takes]}", *(words(STOCK[takes][one][each]) for each in asked))
        for takes in STOCK
        for one in goods
    ]
    rows = [(words(one), *(words(TABLE[one][part]) for part in share)) for one in billing]
    return page(
        "Refunds",
        "`domain/refunding.py`",
        "What the ERP is to have of a refund that the channel tells, by how the order stands there. A refund is split "
        "into its parts; each document is made once, under a business key of the channel's refund id.",
        table(("", *map(words, share)), rows),
        "## How the order stands\n\n" + table(("", "means"), [(words(b), said) for b, said in billing.items()]),
        "## Parts of a refund\n\n" + table(("", "means"), [(words(one), said) for one, said in share.items()]),
        "## Documents\n\n" + table(("", "means"), [(words(one), MEANINGS[one]) for one in Document]),
        "An order that is cancelled before it was billed has nothing to credit. A refund that does not balance, names "
        "more than was sold or more than had left is an exception and becomes no document. A credit memo that people "
        "make in the ERP is paid back in the channel with `push_refunds`, else it is an exception; what came of such a "
        "push is not credited again. What came back may pay for what it was exchanged for: it is credited whole, the "
        "refund may give so much less, and with `payments: paid` so much counts as paid out, for the exchange order's "
        "invoice counts as paid too. [The matrix](matrix.md) says what each channel and ERP offers of it.",
        "## What puts goods into the ERP's stock\n\nFrom `domain/restocking.py`: by what the warehouse says of units, "
        "whether the ERP takes receipts (`post_returns`), and what the channel says of the same units. Each unit goes "
        "there once, whichever is told first; a credit memo is for the money in any case.\n\n"
        + table(("", *map(words, asked)), shelves),
        table(("the warehouse", "means"), [(words(one), said) for one, said in goods.items()]),
        table(("the channel", "means"), [(words(one), said) for one, said in asked.items()]),
        table(("", "what puts them into stock"), [(words(one), SHELVES[one]) for one in Shelf]),
        "How the order is billed makes no difference to goods. A credit memo that was made before anybody told of a "
        "return has put its goods back already: a receipt of them is not posted again; if they turn out to be written "
        "off, `return.stock_differs` asks a person. NetSuite takes receipts (`return.post`: a return authorisation, "
        "its item receipt, and the authorisation closed). Business Central's API has credit memos only: there "
        "`post_returns` stays off, and goods that come back without a refund are shown on the order, booked by nobody.",
    )


def settlements() -> str:
    from crossdock.domain.problems import CATALOGUE
    from crossdock.domain.settling import MATCHES, MEANINGS, TABLE, Posting

    rows = [(f"`{kind.value}`", MATCHES[rule.match], f"`{rule.posting.value}`")
            for kind, rule in TABLE.items()]  # fmt: skip
    codes = [(f"`{code}`", k.owner, k.hint) for code, k in CATALOGUE.items() if code.startswith("settlement.")]
    return page(
        "Settlements",
        "`domain/settling.py`",
        "What each line of a settlement must be matched to, and which of the ERP's accounts it is posted to. The "
        "decider asks this very table. [How settlements work](../explanation/settlements.md).",
        "## Kinds of lines\n\n" + table(("kind", "matched to", "posting"), rows),
        "A fee that stands beside another line is posted to `fees`. A sale or refund of an order that the connection's "
        "settings leave alone is posted to `outside` and matched to nothing.",
        "## Postings\n\n`settlement_accounts` on the ERP's connection names the account of each; "
        "`<channel connection>.<posting>` goes before `<posting>`.\n\n"
        + table(("posting", "what stands there"), [(f"`{one.value}`", MEANINGS[one]) for one in Posting]),
        "## Exceptions\n\n" + table(("code", "owner", "what to do"), codes),
    )


def edits_and_cancels() -> str:
    from crossdock.domain.problems import CATALOGUE
    from crossdock.domain.rulings import MEANINGS, TABLE, Stage, Way

    stages = {
        Stage.NOT_BOOKED: "nothing was sent to the ERP",
        Stage.BOOKED: "the ERP has it, or may have it; the warehouse was told nothing",
        Stage.RELEASED: "the warehouse has it, or may have it, and may be picking",
        Stage.PARTLY_SHIPPED: "some of it has left",
        Stage.SHIPPED: "all that ships has left",
        Stage.BILLED: "nothing left, and the ERP has billed it (services, downloads, bills in advance)",
    }
    rows = [(words(edit), *(_ruled(rulings[stage]) for stage in stages)) for edit, rulings in TABLE.items()]
    codes = sorted({one.code for row in TABLE.values() for one in row.values() if one.code})
    return page(
        "Edits and cancellations",
        "`domain/rulings.py`",
        "What an edit or a cancellation in the channel leads to, by the stage the order is in. The decider asks this "
        "very table. Where one view of an order brings several edits, the hardest ruling is the view's; lines that "
        "become an order of their own are taken out of it first.",
        table(("", *map(words, stages)), rows),
        "## Stages\n\n" + table(("stage", "means"), [(words(stage), text) for stage, text in stages.items()]),
        "## Rulings\n\nFrom the lightest to the hardest.\n\n"
        + table(("ruling", "means"), [(words(way), MEANINGS[way]) for way in Way]),
        "## Exceptions\n\n" + table(("code", "what to do"), [(f"`{code}`", CATALOGUE[code].hint) for code in codes]),
        "A booking whose outcome is not known counts as booked: the amendment waits for it. *Lines cancelled*: lines "
        "of which nothing is wanted any more, though the channel still shows them. An edit whose amendment the ERP "
        "refuses is the exception `booking.amend.rejected`; a cancellation that the warehouse or the ERP refuses is "
        "`release.cancel.rejected` or `booking.close.rejected`: nothing further is sent until a person acts.",
        "## Exchanges\n\nLines that are added after goods have left are a *part*: an order of its own under the "
        "order's key with `-X1`, `-X2` …, with its own sales order, release, shipments and bill. Every later view is "
        "split by the ids of its lines: an edit, a cancellation, a return or a refund of them is ruled by the stage of "
        "the part, all else by the order's. It is paid as soon as the channel says that nothing is outstanding. What "
        "comes back is credited whole on the order's own bill, whatever of it pays for the part. A part of which "
        "nothing is wanted any more is cancelled. [Why](../adr/0034-an-exchange-is-an-order-of-its-own.md).",
    )


def _ruled(ruling: Any) -> str:
    from crossdock.domain.rulings import Way

    if ruling.way is Way.PART:
        return f"{words(ruling.way)} (else `{ruling.code}`)"
    return f"{words(ruling.way)}: `{ruling.code}`" if ruling.code else words(ruling.way)
