"""What axe, the accessibility checker that browsers' own tools build on, finds wrong with a page."""

import os
from functools import cache
from pathlib import Path

import pytest
from playwright.async_api import Page

_AXE = Path(__file__).parents[1] / "vendor_code" / "node_modules" / "axe-core" / "axe.min.js"
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@cache
def _checker() -> str:
    """Where it is not installed the test is skipped, except in CI."""
    if not _AXE.is_file() and os.environ.get("CI") != "true":
        pytest.skip("axe is not here: make vendor-code")
    return _AXE.read_text("utf-8")


async def complaints(page: Page) -> list[str]:
    """One line for each rule and element that breaks it."""
    await page.evaluate(_checker())
    found = await page.evaluate("rules => axe.run(document, {runOnly: rules})", _RULES)
    return [
        f"{rule['id']}: {rule['help']}: {' '.join(node['target'])}: {node['html'][:160]}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
