"""A config folder is read whole, or refused with file, line, what is wrong and what would be right."""

from pathlib import Path

import msgspec
import pytest

from crossdock.governance.config import Config, load
from crossdock.governance.faults import ConfigError
from crossdock.governance.schema import config_schema
from crossdock.kit.manifest import Books, Manifest, Setting

GOOD = """\
connections:
  shop1:
    system: shoply
    settings: {store: acme}
    secrets: {token: "env:SHOP_TOKEN"}
  books:
    system: ledger
  hall:
    system: depot
routes:
  - channel: shop1
    erp: books
    warehouse: hall
    rounding_ceiling: 0.05
    guest_customer: 1042
    ship_methods: table:ship_methods
holds:
  - name: large
    when: total > 5000
    owner: finance
    reason: Orders over 5,000 are looked at.
    expires: 48h
serve:
  max_body_bytes: 2000000
  trusted_proxies: [10.0.0.0/8, 192.0.2.7]
keep:
  messages: 800
"""


@pytest.fixture
def manifests() -> dict[str, Manifest]:
    shop = (
        Setting("store", "Store", example="acme"),
        Setting("pages", "Pages", default=50),
        Setting("token", "Token", secret=True),
    )
    return {
        "shoply": Manifest("shoply", "Shoply", "channel", "1", shop, "1", {}),
        "ledger": Manifest("ledger", "Ledger", "erp", "1", (), "1", {}),
        "depot": Manifest("depot", "Depot", "warehouse", "1", (), "1", {}),
    }


def folder(tmp_path: Path, text: str, table: str = "from,to\nstandard,UPS\n") -> Path:
    (tmp_path / "crossdock.yaml").write_text(text)
    (tmp_path / "tables").mkdir(exist_ok=True)
    (tmp_path / "tables" / "ship_methods.csv").write_text(table)
    return tmp_path


def loaded(tmp_path: Path, manifests: dict[str, Manifest], text: str, table: str = "from,to\na,b\n") -> Config:
    return load(folder(tmp_path, text, table), manifests)


def test_a_route_cannot_ask_an_erp_for_what_it_has_no_records_of(
    tmp_path: Path, manifests: dict[str, Manifest]
) -> None:
    books = Books(("open", "paid"))
    manifests["ledger"] = msgspec.structs.replace(manifests["ledger"], books=books)
    told = refused(tmp_path, manifests, "guest_customer: 1042", "payments: advance")
    assert "books cannot record payments as 'advance' asks for." in told
    assert "Allowed there: open, paid." in told
    assert "shop1 does not tell what it took for an order" in told


def refused(tmp_path: Path, manifests: dict[str, Manifest], old: str, new: str) -> str:
    assert old in GOOD
    with pytest.raises(ConfigError) as error:
        load(folder(tmp_path, GOOD.replace(old, new, 1)), manifests)
    return str(error.value)


def test_a_good_folder_becomes_typed_values(tmp_path: Path, manifests: dict[str, Manifest]) -> None:
    config = loaded(tmp_path, manifests, GOOD, "from,to,note\nstandard,UPS,ours\n")
    policy = config.policies["shop1"]
    assert policy.ship_methods == {"standard": "UPS"}
    assert policy.rounding_ceiling == "0.05"  # text as written: no float came near it
    assert policy.guest_customer == "1042"
    assert config.connections["shop1"].settings == {"pages": 50, "store": "acme"}
    assert config.rules[0].expires_s == 48 * 3600
    assert config.serve.console == "127.0.0.1:8481"
    assert (config.serve.max_body_bytes, config.serve.waiting_bound) == (2_000_000, 5_000)
    assert config.serve.trusted_proxies == ("10.0.0.0/8", "192.0.2.7")
    assert (config.keep.messages, config.keep.deliveries) == (800, 90)


@pytest.mark.parametrize(
    ("old", "new", "line", "wrong", "right"),
    [
        ("routes:", "rotues:", 10, "'rotues'", "Did you mean 'routes'"),
        ("system: shoply", "system: shopyl", 3, "no system 'shopyl'", "Did you mean 'shoply'"),
        ("{store: acme}", "{stoer: acme}", 4, "no setting 'stoer'", "Did you mean 'store'"),
        ("{store: acme}", "{}", 4, "no setting 'store'", "Add 'store: acme'"),
        ("{store: acme}", "{store: acme, token: x}", 4, "does not belong", "Move it to 'secrets'"),
        ('"env:SHOP_TOKEN"', "hunter2", 5, "not a reference", "env:NAME"),
        ("  books:", "  shop1:", 6, "given twice", "Line 2"),
        ("erp: books", "erp: boks", 12, "no connection 'boks'", "Did you mean 'books'"),
        ("erp: books", "erp: hall", 12, "connection to a warehouse", "role erp"),
        ("guest_customer: 1042", "payment: payed", 15, "cannot be 'payed'", "Did you mean 'paid'"),
        ("rounding_ceiling: 0.05", "edit_window_s: soon", 14, "cannot be 'soon'", "float"),
        ("rounding_ceiling: 0.05", "rounding_ceiling: much", 14, "not an amount", "decimal"),
        ("table:ship_methods", "table:ship_method", 16, "no table 'ship_method'", "Did you mean 'ship_methods'"),
        ("total > 5000", "totl > 5000", 19, "'totl'", "Did you mean 'total'"),
        ("total > 5000", "total >", 19, "cannot be read", "Syntax error"),
        ("total > 5000", "total", 19, "not true or false", "Compare"),
        ("expires: 48h", "expires: soon", 22, "not a length of time", "48h"),
        ("  books:", "  books: [", 8, "not valid YAML", ""),
        ("2000000", "10", 24, "cannot be 10", "1000 or more"),
        ("192.0.2.7", "edge1", 25, "'edge1' is not a network", "10.0.0.0/8"),
        ("max_body_bytes", "max_body_size", 24, "'max_body_size'", "Did you mean 'max_body_bytes'"),
        ("system: ledger", "system: ledger\n    quota: {rate_per_s: 0}", 8, "cannot be 0", "1 or more"),
        ("max_body_bytes: 2000000", "public_url: orders.example.com", 24, "not an address", "https://"),
        ("max_body_bytes: 2000000", "public_url: https://example.com/sync", 24, "not an address", "https://"),
        ("{store: acme}", "{store: table:ship_method}", 4, "no table 'ship_method'", "Did you mean 'ship_methods'"),
        ("messages: 800", "deliveries: 29", 27, "cannot be 29", "30 or more"),
        ("messages: 800", "messages: long", 27, "cannot be 'long'", "int"),
        ("guest_customer: 1042", "since: soon", 15, "'soon' is neither a day nor an instant", "2026-11-02"),
        ("guest_customer: 1042", "since: 2026-11-02T06:00:00", 15, "is neither a day nor an instant", "its offset"),
        ("guest_customer: 1042", "since: 2026-02-30", 15, "'2026-02-30' is neither", "2026-11-02T06:00:00+01:00"),
    ],
)
def test_each_fault_is_told_with_its_line(
    tmp_path: Path, manifests: dict[str, Manifest], old: str, new: str, line: int, wrong: str, right: str
) -> None:
    told = refused(tmp_path, manifests, old, new)
    assert f"crossdock.yaml:{line}: " in told
    assert wrong in told
    assert right in told
    assert "hunter2" not in told


@pytest.mark.parametrize("since", ["2026-11-02", "2026-11-02T06:00:00+01:00", "2026-11-02T05:00Z"])
def test_a_route_begins_on_a_day_or_at_an_instant(tmp_path: Path, manifests: dict[str, Manifest], since: str) -> None:
    config = loaded(tmp_path, manifests, GOOD.replace("guest_customer: 1042", f"since: {since}"))
    assert config.policies["shop1"].since == since


PROMISE = """\
    promise:
      time_zone: Europe/Berlin
      cut_off: 13:30
      holidays: {2026-12-25: Christmas}
      transit_days: table:ship_methods
      usual_hours: {held: 4}
holds:
"""


def test_a_route_s_promise_is_read_with_its_tables(tmp_path: Path, manifests: dict[str, Manifest]) -> None:
    config = loaded(tmp_path, manifests, GOOD.replace("holds:\n", PROMISE, 1), "from,to\nUPS,2\n")
    how = config.policies["shop1"].promise
    assert how is not None
    assert (how.cut_off, how.collection, how.transit_days) == ("13:30", "17:00", {"UPS": 2})
    assert (how.holidays, how.usual_hours) == ({"2026-12-25": "Christmas"}, {"held": 4})


@pytest.mark.parametrize(
    ("old", "new", "line", "wrong"),
    [
        ("Europe/Berlin", "Berlin", 18, "no time zone 'Berlin'"),
        ("13:30", "half past", 19, "not a time of day"),
        ("cut_off", "cutoff", 19, "'cutoff' is not one of"),
        ("2026-12-25: Christmas", "Christmas: day", 20, "'Christmas' is not a day"),
        ("table:ship_methods", "table:ways", 21, "no table 'ways'"),
        ("{held: 4}", "{held: long}", 22, "cannot be"),
        ("      time_zone: Europe/Berlin\n", "", 17, "'time_zone' is missing"),
    ],
)
def test_a_promise_that_cannot_be_kept_is_told_with_its_line(
    tmp_path: Path, manifests: dict[str, Manifest], old: str, new: str, line: int, wrong: str
) -> None:
    assert old in PROMISE
    text = GOOD.replace("holds:\n", PROMISE.replace(old, new), 1)
    with pytest.raises(ConfigError) as error:
        load(folder(tmp_path, text, "from,to\nUPS,2\n"), manifests)
    told = str(error.value)
    assert f"crossdock.yaml:{line}: " in told
    assert wrong in told


def test_a_promise_needs_a_warehouse_that_tells_what_left(tmp_path: Path, manifests: dict[str, Manifest]) -> None:
    text = GOOD.replace("    warehouse: hall\n", "").replace("holds:\n", PROMISE, 1)
    with pytest.raises(ConfigError, match="Nothing is heard of what leaves"):
        load(folder(tmp_path, text, "from,to\nUPS,2\n"), manifests)


def test_all_faults_are_told_at_once(tmp_path: Path, manifests: dict[str, Manifest]) -> None:
    text = GOOD.replace("erp: books", "erp: boks").replace("total > 5000", "totl > 1")
    with pytest.raises(ConfigError) as error:
        load(folder(tmp_path, text), manifests)
    assert [fault.line for fault in error.value.faults] == [12, 19]


def test_a_table_tells_its_own_lines(tmp_path: Path, manifests: dict[str, Manifest]) -> None:
    with pytest.raises(ConfigError) as error:
        loaded(tmp_path, manifests, GOOD, "from,to\na,b\na,c\nd,\n")
    told = str(error.value)
    assert "ship_methods.csv:3: 'a' is given twice" in told
    assert "ship_methods.csv:4: A value is missing" in told


def test_no_folder_says_what_to_do(tmp_path: Path, manifests: dict[str, Manifest]) -> None:
    with pytest.raises(ConfigError, match="crossdock init"):
        load(tmp_path, manifests)


def test_the_schema_names_every_setting_and_choice(manifests: dict[str, Manifest]) -> None:
    schema = msgspec.json.decode(msgspec.json.encode(config_schema(manifests)))
    kinds = schema["properties"]["connections"]["additionalProperties"]["oneOf"]
    shop = next(kind for kind in kinds if kind["properties"]["system"]["const"] == "shoply")
    assert shop["properties"]["settings"]["required"] == ["store"]
    assert "token" in shop["properties"]["secrets"]["properties"]
    deliveries = schema["properties"]["keep"]["properties"]["deliveries"]
    assert (deliveries["type"], deliveries["default"], deliveries["minimum"]) == ("integer", 90, 30)
    assert "tell a repeated delivery" in deliveries["description"]
    assert "max_body_bytes" in schema["properties"]["serve"]["properties"]
    assert schema["properties"]["routes"]["items"]["properties"]["payment"]["enum"] == ["paid", "authorized", "pending"]


@pytest.mark.parametrize(
    ("given", "read"),
    [("[north, south]", ["north", "south"]), ("north", ["north"]), ('"[north, south]"', ["north", "south"]),
     ("north, south", ["north", "south"]), ("7012", ["7012"])],
)  # fmt: skip
@pytest.mark.parametrize(
    "setting", [Setting("sites", "Sites", example="[north]"), Setting("sites", "Sites", default=[])]
)
def test_a_list_that_was_written_as_text_is_a_list(
    tmp_path: Path, given: str, read: list[str], setting: Setting
) -> None:
    ledger = Manifest("ledger", "Ledger", "erp", "1", (setting,), "1", {})
    text = f"connections:\n  books:\n    system: ledger\n    settings:\n      sites: {given}\n"
    assert load(folder(tmp_path, text), {"ledger": ledger}).connections["books"].settings["sites"] == read


@pytest.mark.parametrize(
    ("setting", "given", "right"),
    [(Setting("codes", "Codes", default={}), "VAT19", "name: value"),
     (Setting("sites", "Sites", default=[]), "{a: b}", "a list")],
)  # fmt: skip
def test_a_mapping_or_list_that_is_none_is_a_fault(tmp_path: Path, setting: Setting, given: str, right: str) -> None:
    ledger = Manifest("ledger", "Ledger", "erp", "1", (setting,), "1", {})
    text = f"connections:\n  books:\n    system: ledger\n    settings:\n      {setting.name}: {given}\n"
    with pytest.raises(ConfigError, match=right):
        load(folder(tmp_path, text), {"ledger": ledger})


SHARED = """\
  books:
    system: ledger
    settings: {company: "12_SB1"}
    FIRST
  books2:
    system: ledger
    settings: {company: OTHER}
    SECOND
"""


def sharing(tmp_path: Path, manifests: dict[str, Manifest], other: str, first: str = "", second: str = "") -> Config:
    """Two connections of a ledger that grants each account five calls at once."""
    asked = (Setting("company", "Company"), Setting("concurrency", "Calls in flight", default=5))
    shared = msgspec.structs.replace(manifests["ledger"], settings=asked, account="company")
    both = SHARED.replace("OTHER", other).replace("FIRST", first).replace("SECOND", second)
    text = GOOD.replace("  books:\n    system: ledger\n", both)
    return load(folder(tmp_path, text), {**manifests, "ledger": shared})


@pytest.mark.parametrize("same", ['"12_SB1"', "12-sb1"])
def test_connections_of_one_account_that_each_take_all_of_it_are_a_fault(
    tmp_path: Path, manifests: dict[str, Manifest], same: str
) -> None:
    with pytest.raises(ConfigError) as error:
        sharing(tmp_path, manifests, same)
    (fault,) = error.value.faults
    assert fault.line == 12
    assert "'books', 'books2' are one account, 12-sb1: together they may have 10 calls" in fault.wrong
    assert "it grants 5" in fault.wrong
    assert "5 in all" in fault.right
    with pytest.raises(ConfigError, match="may have 8 calls in flight, it grants 5"):
        sharing(tmp_path, manifests, same, second="quota: {concurrency: 3}")


def test_an_account_may_be_divided_and_others_have_their_own(tmp_path: Path, manifests: dict[str, Manifest]) -> None:
    assert "books2" in sharing(tmp_path, manifests, "13").connections
    halves = ("quota: {concurrency: 3}", "quota: {concurrency: 2}")
    assert "books2" in sharing(tmp_path, manifests, "12-sb1", *halves).connections


@pytest.mark.parametrize(
    "limit", ["quota: {concurrency: 0}", "quota: {rate_per_s: -1}", "quota: {burst: 0}", "settings: {concurrency: 0}"]
)
def test_a_limit_that_lets_nothing_out_is_a_fault(tmp_path: Path, manifests: dict[str, Manifest], limit: str) -> None:
    asked = (Setting("concurrency", "Calls in flight", default=5),)
    manifests["ledger"] = msgspec.structs.replace(manifests["ledger"], settings=asked)
    told = refused(tmp_path, manifests, "    system: ledger", f"    system: ledger\n    {limit}")
    assert "Give 1 or more." in told
