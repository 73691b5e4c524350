"""Accounts against a real database: one-time links, passwords, lockout, sessions that end."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from crossdock.governance import people
from crossdock.governance.people import PeopleError
from crossdock.store.pool import reading_pool

PASSWORD = "correct horse battery"


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Any]:
    opened = await reading_pool(database_url, size=2)
    yield opened
    await opened.close()


async def test_a_link_works_once(pool: Any) -> None:
    token = await people.create_setup_link(pool, "operator")
    assert await people.link_role(pool, token) == "operator"
    person = await people.redeem(pool, token, " Ada ", PASSWORD)
    assert (person.name, person.role) == ("Ada", "operator")
    with pytest.raises(PeopleError) as again:
        await people.redeem(pool, token, "Eve", PASSWORD)
    assert again.value.code == "link_used"
    assert token.encode() not in await pool.fetchval("select token_hash from setup_links")


async def test_a_refused_setup_leaves_the_link_usable(pool: Any) -> None:
    token = await people.create_setup_link(pool)
    for name, password, code in (("Ada", "short", "weak_password"), ("", PASSWORD, "bad_name")):
        with pytest.raises(PeopleError) as refused:
            await people.redeem(pool, token, name, password)
        assert refused.value.code == code
    await people.redeem(pool, token, "Ada", PASSWORD)
    other = await people.create_setup_link(pool)
    with pytest.raises(PeopleError) as taken:
        await people.redeem(pool, other, "Ada", PASSWORD)
    assert taken.value.code == "name_taken"
    assert await people.link_role(pool, other) == "admin"


async def test_an_old_link_is_over(pool: Any) -> None:
    token = await people.create_setup_link(pool, lives_s=-1)
    assert await people.link_role(pool, token) is None


async def test_ten_wrong_passwords_lock_even_the_right_one_out(pool: Any) -> None:
    await people.add(pool, "Ada", "viewer", PASSWORD)
    assert (await people.verify_password(pool, "Ada", PASSWORD)).role == "viewer"
    codes = []
    for _ in range(people.LOCK_AFTER):
        with pytest.raises(PeopleError) as wrong:
            await people.verify_password(pool, "Ada", "wrong" * 3)
        codes.append(wrong.value.code)
    assert codes == ["wrong"] * 9 + ["locked"]
    with pytest.raises(PeopleError) as locked:
        await people.verify_password(pool, "Ada", PASSWORD)
    assert locked.value.code == "locked"
    await people.set_password(pool, "Ada", PASSWORD + "!")
    assert (await people.verify_password(pool, "Ada", PASSWORD + "!")).name == "Ada"


async def test_a_guess_that_began_before_the_lock_is_locked_out_too(pool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guesses that come all at once are no more than ten; the password's check is slow, so it is made to wait here."""
    entered, gate = threading.Event(), threading.Event()

    def fits(_: str, password: str) -> bool:
        if password == PASSWORD:
            entered.set()
            gate.wait(10)
        return password == PASSWORD

    await people.add(pool, "Ada", "viewer", PASSWORD)
    monkeypatch.setattr(people, "_fits", fits)
    right = asyncio.create_task(people.verify_password(pool, "Ada", PASSWORD))
    assert await asyncio.to_thread(entered.wait, 10)
    for _ in range(people.LOCK_AFTER):
        with pytest.raises(PeopleError):
            await people.verify_password(pool, "Ada", "wrong")
    gate.set()
    with pytest.raises(PeopleError) as refused:
        await right
    assert refused.value.code == "locked"


async def test_passwords_are_checked_a_few_at_a_time(pool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each check takes 64 MB, and strangers may ask for as many as they like."""
    running, most, lock = 0, 0, threading.Lock()

    def fits(_: str, __: str) -> bool:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1
        return False

    monkeypatch.setattr(people, "_fits", fits)
    guesses = (people.verify_password(pool, f"nobody {number}", "x") for number in range(12))
    assert all(isinstance(each, PeopleError) for each in await asyncio.gather(*guesses, return_exceptions=True))
    assert most == people.CHECKS_AT_ONCE


async def test_blanks_around_a_name_are_not_part_of_it(pool: Any) -> None:
    await people.add(pool, " Ada ", "viewer", PASSWORD)
    assert (await people.verify_password(pool, "Ada ", PASSWORD)).name == "Ada"


@pytest.mark.parametrize("name", ["crossdock", "Crossdock", "cli:root", "CLI:ada"])
async def test_nobody_is_called_what_stands_for_another_in_journal_and_audit(pool: Any, name: str) -> None:
    with pytest.raises(PeopleError) as refused:
        await people.add(pool, name, "viewer", PASSWORD)
    assert refused.value.code == "bad_name"


async def test_nobody_and_a_visitor_without_a_password_cannot_sign_in(pool: Any) -> None:
    await people.redeem(pool, await people.create_setup_link(pool), "visitor", None)
    for name in ("nobody", "visitor"):
        with pytest.raises(PeopleError) as wrong:
            await people.verify_password(pool, name, PASSWORD)
        assert wrong.value.code == "wrong"


async def test_sessions_end_by_sign_out_idleness_and_new_passwords(pool: Any) -> None:
    ada = await people.add(pool, "Ada", "admin", PASSWORD)
    token, csrf = await people.open_session(pool, ada.id)
    found = await people.session(pool, token)
    assert found is not None
    assert (found.person, found.csrf) == (ada, csrf)
    await people.close_session(pool, token)
    assert await people.session(pool, token) is None
    token, _ = await people.open_session(pool, ada.id)
    await pool.execute("update sessions set seen_at = now() - interval '31 minutes'")
    assert await people.session(pool, token) is None
    token, _ = await people.open_session(pool, ada.id)
    await people.set_password(pool, "Ada", PASSWORD + "!")
    assert await people.session(pool, token) is None
