"""What each field of ``crossdock.yaml`` means, in one line: told by the JSON Schema to editors, by the reference page,
and by the comments that ``crossdock init`` writes.
"""

from collections.abc import Mapping

ROUTE: Mapping[str, str] = {
    "channel": "the channel connection that this route is for; one route for each",
    "erp": "the connection that orders are booked in",
    "warehouse": "the connection that orders are released to; left out: Crossdock releases nothing",
    "since": "the cutover: an order that was placed before is left alone, whatever comes of it, and so is a payout "
    "that was deposited before. A day, which begins at midnight in `time_zone`, or an instant with its offset; left "
    "out: every order that is seen is booked",
    "basis": "which amounts are booked: `shop`, or `presentment` (as the customer saw them)",
    "edit_window_s": "seconds to wait for the customer's own changes before booking",
    "payment": "the least that may be booked: `paid`, `authorized`, `pending`",
    "guest_customer": "the ERP customer for buyers that it does not know; without it they are exceptions",
    "doubtful_customer": "a buyer who may or may not be a customer: `ask` (a person links), `guest` (as if unknown)",
    "check_products": "look every SKU up among the ERP's items before booking",
    "rounding_ceiling": "how much declared rounding may move a total before the order waits",
    "ship_methods": "the channel's code to the target's method; or `table:ship_methods`",
    "default_ship_method": "the method for codes that are not in `ship_methods`",
    "notify_customer": "whether the channel tells the customer of a shipment",
    "invoice": "`make`: Crossdock bills after the last shipment; `take`: the ERP bills by itself",
    "payments": "how the ERP has the customers' money: `open` (invoices wait for it), `paid` (invoices are paid as "
    "they are made), `deposit` (others take it in advance on the sales order), `payment` (Crossdock posts each "
    "capture, applied to the invoices; `payment.post`), `advance` (Crossdock records each capture as a deposit on the "
    "sales order, and applies it to the invoices; `deposit.post`); decides what a refund becomes there",
    "time_zone": "the company's time zone, such as `Europe/Berlin`: a posting date is a day there",
    "closed_through": "the books are closed up to and including this day, such as `2026-10-31`",
    "closed_period": "what falls into closed books: `next_day` posts it on the first open day, `hold` asks a person",
    "settlement_wait_s": "seconds that a settlement waits for orders it names before a person is asked",
    "publish_invoices": "the channel shows each of the ERP's invoices, where it offers `invoice.publish`: Shopify on "
    "the order, a portal by a call; once for each",
    "announce_returns": "the warehouse is told of authorised returns of what it shipped (`return.announce`: ShipHero)",
    "post_returns": "what the warehouse received is posted in the ERP, into stock or written off (`return.post`: "
    "NetSuite); such units are then left out of what credit memos put back",
    "return_wait_s": "seconds that refunded goods may be on their way before a person is asked",
    "push_returns": "what the warehouse received is told to the channel (`return.push`: Shopify, portals)",
    "push_tracking": "how far parcels are is told to the channel, where it offers `tracking.push`",
    "push_refunds": "credits that the ERP's people make are paid back in the channel, where it offers "
    "`refund.push`; else a person is asked to",
    "stock": "how the channel is told stock, see below; left out: it is not, and its orders reserve none",
    "promise": "when orders leave and arrive, see below; left out: no dates are promised",
    "returns": "which returns the partner API authorises, see below; left out: none",
}
STOCK: Mapping[str, str] = {
    "locations": "the channel's location to `sources`: the ERP's locations that feed it (`connection/location` for "
    "others'), and any of the fields below where it differs",
    "percent": "its part of what is free, 0 to 100; left out: an equal part of what other channels leave",
    "ring_fence": "units that are its own before anything is divided",
    "buffer": "units kept back of its part",
    "cap": "never shows more than this",
    "floor": "fewer than this are shown as none",
    "share": "shows the same units as all others that share: what they sell at once is oversold",
    "skus": "a SKU to any of the fields from `percent` to `share` where it differs",
    "kits": "a SKU to its components and how many of each; what one route says counts in all",
    "grace_s": "seconds until a level below ours is no longer taken for orders that are still to come",
    "settle_s": "seconds after a booking until positions that were read then are believed to hold it, clocks included",
}
PROMISE: Mapping[str, str] = {
    "time_zone": "the warehouse's: `Europe/Berlin`",
    "cut_off": "what the warehouse has before then leaves the same working day",
    "collection": "when the carrier takes the day's parcels",
    "handling_days": "working days from the day an order is taken in to the day it leaves",
    "working_days": "of `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`",
    "holidays": "day to name, `2026-12-25: Christmas`; or `table:holidays`",
    "transit_days": "the target's shipping method to working days on the road; or a table",
    "default_transit_days": "for other methods; left out: no arrival is promised for them",
    "lead_minutes": "from acceptance until the warehouse has it, as the promise reckons",
    "warn_minutes": "an order that the warehouse does not have so long before the cut-off is forecast for the next day",
    "report_minutes": "so long after the collection the warehouse may still tell what left with it",
    "usual_hours": "how long `held`, `exception`, `backordered`, `on_hold` usually last here",
    "tells_picking": "the warehouse tells when it picks: its silence before the collection is then told of",
}
RETURNS: Mapping[str, str] = {
    "days": "how long after the last shipment of a line its return may be asked for",
    "reasons": "the reasons that are accepted, as the partner gives them; left out: any, or none",
}
HOLD: Mapping[str, str] = {
    "name": "the rule's name, shown with the order",
    "when": "a CEL condition over the facts below; must give true or false",
    "owner": "the team that settles it; where it is a role of the console, only that role may release it",
    "reason": "what people read",
    "release_by": "the roles, and names of people, that may release it; left out: the owner where that is a role, "
    "else operators and integrators. Admins always may",
    "release_on": "what lets it go without a person: `view` (a newer view no longer meets the condition), `payment` "
    "(as far as the route asks for), `allocation` (the channel says where it is fulfilled from)",
    "expires": "how long it stands: `30m`, `48h`, `2d`; left out: for ever",
    "on_expiry": "then: `release` (the order goes on) or `escalate` (it stays, and is passed on)",
    "escalate_to": "to whom; left out: to the owner again",
}
SERVE: Mapping[str, str] = {
    "intake": "where webhooks are taken, host:port",
    "console": "where the console, its API and `/metrics` listen, host:port",
    "partner": "where the partner API listens, host:port; left out: there is none",
    "proxy": "the name of the proxy that ends TLS in front; needed to listen beyond this machine without TLS files",
    "tls_certificate": "PEM file, together with `tls_key`",
    "tls_key": "PEM file that only the server's user can read",
    "public_url": "the console's address as people type it",
    "max_body_bytes": "a larger webhook is refused (413)",
    "body_timeout_s": "seconds for a webhook's body to arrive",
    "source_rate_per_s": "webhooks a second from one address before it is refused (429)",
    "source_burst": "how many may come at once",
    "waiting_bound": "webhooks waiting for their commit before senders are told to come again (503)",
    "trusted_proxies": "networks whose `X-Forwarded-For` is believed when senders, or who signs in, are told apart",
}
KEEP: Mapping[str, str] = {
    "messages": "days that what arrived is kept, as received",
    "journal": "days that decisions are kept, and what led to them",
    "attempts": "days that calls are kept, with their redacted exchange",
    "deliveries": "days that the ids are kept which tell a repeated delivery from a new one",
}
RECONCILE: Mapping[str, str] = {
    "every_s": "seconds between two rounds over all routes",
    "grace_s": "seconds that a difference must stand, beside the systems' own lag, before it is one",
    "time_zone": "a business date runs from midnight to midnight there",
    "signing_key": "the Ed25519 key that signs day closes, as a reference: `file:keys/day-close.pem`",
}
