"""Stored forms of stock: read by every later release, refused by name when they are newer."""

from pathlib import Path

import msgspec
import pytest

from crossdock.domain.schema import SchemaTooNew
from crossdock.domain.stock_decider import STOCK
from crossdock.domain.stock_state import StockEntry, decode_stock, decode_stock_entries, encode_stock

STORED = Path(__file__).parent / "stored"


def test_what_version_one_stored_is_read_by_every_later_release() -> None:
    """The files are never written again: a change that cannot read them needs a new version and an upcast."""
    state = decode_stock((STORED / "v1_stock_state.json").read_bytes())
    entries = decode_stock_entries((STORED / "v1_stock_entries.json").read_bytes())
    assert STOCK.evolve(STOCK.blank(), entries) == state
    assert {type(entry) for entry in entries} == set(StockEntry.__args__), "every kind of entry is in the file"
    listing = state.listings["a/101"]
    assert (state.sku, listing.held, listing.low, listing.version, listing.ref) == ("SKU-1", 13, 2, 8, "77")
    assert state.listings["b/101"].unlisted
    assert state.positions["erp/1"].committed == 5


def test_what_was_sold_since_a_level_was_confirmed_is_kept() -> None:
    stored = (STORED / "v1_stock_state_moved.json").read_bytes()
    listing = decode_stock(stored).listings["a/101"]
    assert (listing.held, listing.moved) == (3, True)
    assert encode_stock(decode_stock(stored)) + b"\n" == stored
    assert not decode_stock((STORED / "v1_stock_state.json").read_bytes()).listings["a/101"].moved


def test_which_orders_of_kits_a_component_told_of_is_read_by_every_later_release() -> None:
    """Added to version one: what was stored before has none, and is read as before."""
    stored = (STORED / "v1_kit_orders_state.json").read_bytes()
    state = decode_stock(stored)
    entries = decode_stock_entries((STORED / "v1_kit_orders_entries.json").read_bytes())
    assert STOCK.evolve(STOCK.blank(), entries) == state
    assert (state.components["SKU-1"].holds, state.kits_held) == (("a-1", "a-2"), ("a-1",))
    assert encode_stock(state) + b"\n" == stored
    older = decode_stock((STORED / "v1_stock_state.json").read_bytes())
    assert all(one.holds == () for one in older.components.values())


def test_a_form_written_by_another_json_writer_is_read_too() -> None:
    stored = (STORED / "v1_stock_state.json").read_bytes()
    assert decode_stock(msgspec.json.format(stored, indent=2)) == decode_stock(stored)
    assert encode_stock(decode_stock(stored)) + b"\n" == stored
    entries = (STORED / "v1_stock_entries.json").read_bytes()
    assert decode_stock_entries(msgspec.json.format(entries, indent=2)) == decode_stock_entries(entries)


def test_a_later_form_is_refused_with_both_versions() -> None:
    for read in (decode_stock, decode_stock_entries):
        with pytest.raises(SchemaTooNew, match=r"version 9.*up to 1"):
            read(b'{"v":9}')
