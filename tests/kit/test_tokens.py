"""Tokens are fetched once for all who wait, renewed before they end, and dropped when refused."""

import asyncio

import pytest

from crossdock.kit.tokens import InProcessTokens


class Desk:
    """Hands out numbered tokens, when let."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.asked = 0
        self.open = asyncio.Event()
        self.open.set()
        self.lives_s = 3600.0
        self.fails: Exception | None = None

    async def refresh(self) -> tuple[str, float]:
        self.asked += 1
        await self.open.wait()
        if self.fails:
            raise self.fails
        return f"token-{self.asked}", self.lives_s


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def tokens(desk: Desk) -> InProcessTokens:
    return InProcessTokens(lambda: desk.now)


async def test_one_refresh_serves_all_who_wait(desk: Desk, tokens: InProcessTokens) -> None:
    desk.open.clear()
    waiting = [asyncio.create_task(tokens.get("a", desk.refresh)) for _ in range(50)]
    await asyncio.sleep(0)
    desk.open.set()
    assert set(await asyncio.gather(*waiting)) == {"token-1"}
    assert await tokens.get("a", desk.refresh) == "token-1"
    assert await tokens.get("b", desk.refresh) == "token-2"


@pytest.mark.parametrize(("lives_s", "until"), [(3600.0, 3540.0), (100.0, 90.0)])
async def test_renewed_a_little_early(desk: Desk, tokens: InProcessTokens, lives_s: float, until: float) -> None:
    desk.lives_s = lives_s
    await tokens.get("a", desk.refresh)
    desk.now = 1000.0 + until - 0.1
    assert await tokens.get("a", desk.refresh) == "token-1"
    desk.now = 1000.0 + until
    assert await tokens.get("a", desk.refresh) == "token-2"


async def test_a_refused_token_is_fetched_anew(desk: Desk, tokens: InProcessTokens) -> None:
    await tokens.get("a", desk.refresh)
    tokens.forget("a")
    tokens.forget("never heard of")
    assert await tokens.get("a", desk.refresh) == "token-2"


async def test_a_failure_reaches_all_and_is_not_remembered(desk: Desk, tokens: InProcessTokens) -> None:
    desk.fails = ValueError("no")
    desk.open.clear()
    waiting = [asyncio.create_task(tokens.get("a", desk.refresh)) for _ in range(3)]
    await asyncio.sleep(0)
    desk.open.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [ValueError] * 3
    desk.fails = None
    assert await tokens.get("a", desk.refresh) == "token-2"


async def test_a_cancelled_caller_does_not_take_the_refresh_along(desk: Desk, tokens: InProcessTokens) -> None:
    desk.open.clear()
    first = asyncio.create_task(tokens.get("a", desk.refresh))
    second = asyncio.create_task(tokens.get("a", desk.refresh))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    desk.open.set()
    assert await second == "token-1"
    assert first.cancelled()


async def test_how_each_refresh_ends_is_told_once(desk: Desk) -> None:
    told: list[str] = []
    tokens = InProcessTokens(lambda: desk.now, told.append)
    await asyncio.gather(*(tokens.get("a", desk.refresh) for _ in range(3)))
    await tokens.get("a", desk.refresh)
    assert told == ["done"]
    tokens.forget("a")
    desk.fails = ValueError("no")
    await asyncio.gather(*(tokens.get("a", desk.refresh) for _ in range(3)), return_exceptions=True)
    assert told == ["done", "failed"]
