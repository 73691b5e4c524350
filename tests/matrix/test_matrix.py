"""Every cell of the table under faults: it ends as the table says, and the vendors' books are level.

``CROSSDOCK_MATRIX_SEEDS`` says how many fates each cell meets (1 unless told).
"""

import os
from collections.abc import Callable
from typing import Any

import pytest

from tests.matrix import fates
from tests.matrix.reconciling import BILLED_LESS, BILLED_MORE, CREDITED_MORE, reconcile
from tests.matrix.sides import ACCOUNTS, Channel, erp_of
from tests.matrix.stories import STORIES, Scene
from tests.matrix.table import CHANNELS, ERPS, PAIRS, ROWS, Row

SEEDS = range(int(os.environ.get("CROSSDOCK_MATRIX_SEEDS") or 1))
POLLS_S = 0.3


CELLS = [(row, *pair) for row in ROWS for pair in PAIRS if row.cell(*pair).story]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("row", "channel", "erp"), CELLS, ids=[f"{row.name}-{channel}-{erp}" for row, channel, erp in CELLS]
)
async def test_a_cell(make_house: Callable[..., Any], row: Row, channel: str, erp: str, seed: int) -> None:
    cell = row.cell(channel, erp)
    drawn = fates.draw(f"{row.name}/{channel}/{erp}/{seed}", row.purposes)
    accounts, made = ACCOUNTS[channel, erp]
    settings: dict[str, Any] = {
        "route": dict(row.route),
        "warehouse": dict(row.warehouse),
        "accounts": accounts,
        "made": made,
    }
    if channel == "shopify":
        settings["shop"] = dict(row.shop)
    async with make_house(seed=seed + 1, **settings) as house:
        house.lease_s, house.slots, house.every_s = 1.5, False, POLLS_S
        fate = fates.Fate(house, drawn)
        scene = Scene(house, Channel(house, channel), erp_of(house, erp))
        try:
            async with fate.living():
                await STORIES[cell.story](scene)
                await house.quiet()
            problems = [code for _, code, _ in await house.problems()]
            assert (await house.status(scene.order_id), problems) == (cell.ends, sorted(cell.codes))
            assert reconcile(house, scene.channel, scene.erp) == ([] if cell.books == "level" else [cell.books])
            assert not drawn.strikes or house.http.struck or fate.killed, "nothing went wrong, though it was to"
        except AssertionError as error:
            error.add_note(f"fates: {drawn}")
            raise


def test_every_cell_is_told_and_what_does_not_work_has_its_reason() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)
    cells = [row.cell(channel, erp) for row in ROWS for channel, erp in PAIRS]
    for row in ROWS:
        keys = {*CHANNELS, *ERPS, *(f"{channel}/{erp}" for channel, erp in PAIRS)}
        assert set(row.but) <= keys, row.name
    for cell in cells:
        assert cell.what
        assert cell.ends in ("done", "cancelled", "exception")
        assert cell.books in ("level", BILLED_LESS, BILLED_MORE, CREDITED_MORE)
    assert {cell.story for cell in cells if cell.story} == set(STORIES), (
        "a story that no cell tells, or a cell without one"
    )


def test_equal_seeds_are_equal_fates() -> None:
    purposes = ("order.book", "invoice.make", "refund.credit")
    drawn = {str(fates.draw(str(seed), purposes)) for seed in range(50)}
    assert drawn == {str(fates.draw(str(seed), purposes)) for seed in range(50)}
    assert len(drawn) > 40
    assert all(any(one.nth == 1 for one in fates.draw(str(seed), purposes).strikes) for seed in range(50))
