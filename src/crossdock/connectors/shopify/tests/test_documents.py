"""Every document we send is valid against the vendor's published schema and uses nothing deprecated."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLSchema, NoDeprecatedCustomRule, build_client_schema, parse, specified_rules, validate

from crossdock.connectors.shopify import documents
from crossdock.connectors.shopify.topics import SUBSCRIBED

_ROOT = Path(__file__).parents[5]
_CONTRACTS = Path(os.environ.get("CROSSDOCK_VENDOR_CONTRACTS") or _ROOT.parent / "shared/vendors/contracts")
_FILE = _CONTRACTS / "shopify/admin_2026-10.json"

pytestmark = pytest.mark.skipif(
    not _FILE.exists(), reason="the vendor's contract is not here (CROSSDOCK_VENDOR_CONTRACTS)"
)


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    told: Any = json.loads(_FILE.read_text())
    return build_client_schema(told["data"], assume_valid=True)


@pytest.mark.parametrize("name", documents.ALL)
def test_a_document_is_valid_and_current(name: str, schema: GraphQLSchema) -> None:
    rules = [*specified_rules, NoDeprecatedCustomRule]
    assert validate(schema, parse(documents.ALL[name]), rules=rules) == []


def test_the_rule_would_see_a_deprecated_field(schema: GraphQLSchema) -> None:
    old = parse("query { orders(first: 1) { nodes { totalPrice } } }")
    assert validate(schema, old, rules=[NoDeprecatedCustomRule])


def test_each_subscribed_topic_exists(schema: GraphQLSchema) -> None:
    topics: Any = schema.get_type("WebhookSubscriptionTopic")
    assert set(SUBSCRIBED) <= set(topics.values)
