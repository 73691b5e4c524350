"""What a route may say about stock, and what cannot be meant."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from crossdock import app
from crossdock.domain.stock import StockLocation, StockPolicy, StockRule
from crossdock.governance.config import Config
from crossdock.governance.faults import ConfigError

SHOP = {
    "system": "shopify",
    "settings": {"shop_domain": "a.myshopify.com"},
    "secrets": {"webhook_secret": "env:S", "access_token": "env:T"},
}
ERP = {
    "system": "netsuite",
    "settings": {"account_id": "1", "client_id": "c", "certificate_id": "d"},
    "secrets": {"private_key": "env:K"},
}
FED = {"locations": {"101": {"sources": ["1"]}}}


def loaded(folder: Path, *stocks: dict[str, Any]) -> Config:
    names = [f"shop{nth}" for nth, _ in enumerate(stocks, 1)]
    routes = [{"channel": name, "erp": "erp", "stock": stock} for name, stock in zip(names, stocks, strict=True)]
    told = {"connections": {"erp": ERP, **dict.fromkeys(names, SHOP)}, "routes": routes}
    (folder / "crossdock.yaml").write_text(yaml.safe_dump(told))
    return app.configuration(folder)


def test_all_that_may_be_said(tmp_path: Path) -> None:
    said = {
        "percent": 60, "ring_fence": 5, "buffer": 2, "cap": 50, "floor": 3, "grace_s": 60, "settle_s": 30,
        "locations": {"101": {"sources": ["1", "2"], "buffer": 4}, "102": {"sources": ["erp/3"]}},
        "skus": {"SKU-1": {"cap": 10, "share": True}}, "kits": {"BOX": {"SKU-1": 1, "SKU-2": 2}},
    }  # fmt: skip
    assert loaded(tmp_path, said).policies["shop1"].stock == StockPolicy(
        percent=60, ring_fence=5, buffer=2, cap=50, floor=3, grace_s=60, settle_s=30,
        locations={"101": StockLocation(sources=("1", "2"), buffer=4), "102": StockLocation(sources=("erp/3",))},
        skus={"SKU-1": StockRule(cap=10, share=True)}, kits={"BOX": {"SKU-1": 1, "SKU-2": 2}},
    )  # fmt: skip


def test_a_route_without_it_has_none(tmp_path: Path) -> None:
    assert loaded(tmp_path, FED, {**FED, "share": True}).policies["shop2"].stock is not None
    told = {"connections": {"erp": ERP, "shop1": SHOP}, "routes": [{"channel": "shop1", "erp": "erp"}]}
    (tmp_path / "crossdock.yaml").write_text(yaml.safe_dump(told))
    assert app.configuration(tmp_path).policies["shop1"].stock is None


def test_what_a_kit_is_made_of_counts_in_every_route(tmp_path: Path) -> None:
    box, bag = {"BOX": {"SKU-1": 2}}, {"BAG": {"SKU-2": 1}}
    policies = loaded(tmp_path, {**FED, "kits": box}, FED, {**FED, "kits": {**box, **bag}}).policies
    assert [one.stock.kits for one in policies.values() if one.stock is not None] == [{**box, **bag}] * 3


@pytest.mark.parametrize(
    ("stocks", "wrong"),
    [
        ([{}], "'locations' is missing"),
        ([{"locations": {"101": {}}}], "Nothing feeds location '101'"),
        ([{"locations": {"101": {"sources": ["nowhere/1"]}}}], "no connection 'nowhere'"),
        ([{**FED, "buffer": -1}], "'buffer' cannot be negative"),
        ([{**FED, "percent": 101}], "'percent' cannot be 101"),
        ([{**FED, "skus": {"S": {"cap": -1}}}], "'cap' cannot be negative"),
        ([{**FED, "percent": 60}, {**FED, "percent": 50}], "give away 110 percent"),
        ([FED, {"locations": {"7": {"sources": ["1", "2"]}}}], "feeds another location together with other sources"),
        ([{**FED, "kits": {"BOX": {}}}], "'BOX' cannot be made of that"),
        ([{**FED, "kits": {"BOX": {"S": 0}}}], "'BOX' cannot be made of that"),
        ([{**FED, "kits": {"BOX": {"S": 1}, "BIG": {"BOX": 2}}}], "'BOX' is a kit itself"),
        ([{**FED, "kits": {"BOX": {"S": 1}}}, {**FED, "kits": {"BIG": {"BOX": 2}}}], "'BOX' is a kit itself"),
        ([{**FED, "kits": {"BIG": {"BOX": 2}}}, {**FED, "kits": {"BOX": {"S": 1}}}], "'BOX' is a kit itself"),
        ([{**FED, "kits": {"BOX": {"S": 1}}}, {**FED, "kits": {"BOX": {"S": 2}}}], "something else"),
        ([{**FED, "reserve": 3}], "reserve"),
    ],
)
def test_what_cannot_be_meant(tmp_path: Path, stocks: list[dict[str, Any]], wrong: str) -> None:
    with pytest.raises(ConfigError, match=wrong):
        loaded(tmp_path, *stocks)
