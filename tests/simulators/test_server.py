"""The host of simulators: sockets, faults, webhooks and the control paths, over real loopback connections."""

import asyncio
import json
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from crossdock.simulators.base import Deliver, Faults, Reply, Request, Surroundings
from crossdock.simulators.server import SimulatorServer


class Till:
    """A vendor that counts what it was asked to do."""

    def __init__(self, name: str, surroundings: Surroundings) -> None:
        self.name, self.surroundings = name, surroundings
        self.faults = Faults()
        self.rung: list[str] = []
        self.ticks = 0

    async def handle(self, request: Request) -> Reply:
        self.rung.append(f"{request.method} {request.path} {dict(request.query)} {request.body.decode()}")
        return Reply(201, b'{"ok":true}', {"content-type": "application/json", "x-till": self.name})

    def books(self) -> dict[str, Any]:
        return {"rung": self.rung}

    async def tick(self) -> None:
        self.ticks += 1

    def act(self, verb: str, args: dict[str, Any]) -> Any:
        if verb != "announce":
            raise ValueError(f"unknown verb {verb}")
        for number in range(args.get("times", 1)):
            self.surroundings.send(Deliver(args["url"], {"x-number": str(number)}, b"event", f"event {number}"))
        return {"announced": args.get("times", 1)}


@pytest.fixture
async def server() -> AsyncIterator[SimulatorServer]:
    server = SimulatorServer(random=Random(7), webhook_delays_s=(0.01, 0.02, 0.03))
    for name in ("till", "other"):
        server.add(Till(name, server.surroundings(name)))
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def turn(session: aiohttp.ClientSession, server: SimulatorServer, **switches: Any) -> None:
    async with session.post(f"{server.control_url}/_sim/till/faults", json=switches) as answer:
        assert answer.status == 200


async def rung(session: aiohttp.ClientSession, server: SimulatorServer, name: str = "till") -> list[str]:
    async with session.get(f"{server.control_url}/_sim/{name}/books") as answer:
        return list((await answer.json())["rung"])


async def until(holds: Any) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.005)


async def test_a_request_reaches_its_own_simulator_whole(
    server: SimulatorServer, session: aiohttp.ClientSession
) -> None:
    async with session.post(server.url("till") + "/a/b?x=1&y=%2F", data=b"body") as answer:
        assert answer.status == 201
        assert answer.headers["x-till"] == "till"
        assert await answer.json() == {"ok": True}
    assert await rung(session, server) == ["POST /a/b {'x': '1', 'y': '/'} body"]
    assert await rung(session, server, "other") == []
    assert server.url("till") != server.url("other")


async def test_list_names_every_simulator(server: SimulatorServer, session: aiohttp.ClientSession) -> None:
    async with session.get(f"{server.url('till')}/_sim") as answer:
        listed = await answer.json()
    assert [entry["name"] for entry in listed] == ["till", "other"]
    assert listed[0]["url"] == server.url("till")
    assert listed[0]["webhooks"] == {"pending": 0, "delivered": 0, "failed": 0, "dropped": 0}


async def test_faults_are_merged_checked_and_reset(server: SimulatorServer, session: aiohttp.ClientSession) -> None:
    await turn(session, server, lost_response=0.5)
    async with session.post(f"{server.control_url}/_sim/till/faults", json={"slow": 0.1}) as answer:
        assert (await answer.json())["lost_response"] == 0.5
    async with session.post(f"{server.control_url}/_sim/till/faults", json={"gremlins": 1}) as answer:
        assert answer.status == 400
        assert "gremlins" in (await answer.json())["error"]
    async with session.post(f"{server.control_url}/_sim/till/faults", data=b"not json") as answer:
        assert answer.status == 400
    async with session.post(f"{server.control_url}/_sim/till/faults", json={"reset": True, "slow": 0.2}) as answer:
        turned = await answer.json()
    assert (turned["lost_response"], turned["slow"]) == (0.0, 0.2)
    async with session.get(f"{server.control_url}/_sim/nobody/books") as answer:
        assert answer.status == 404


async def test_down_serves_nothing_but_the_control_paths(
    server: SimulatorServer, session: aiohttp.ClientSession
) -> None:
    await turn(session, server, down=True)
    seen: set[int | str] = set()
    for _ in range(20):
        try:
            async with session.post(server.url("till") + "/x") as answer:
                seen.add(answer.status)
        except aiohttp.ClientError:
            seen.add("cut")
    assert seen == {503, "cut"}
    assert await rung(session, server) == []


@pytest.mark.parametrize(("switch", "status"), [("error_503", 503), ("rate_limited", 429)])
async def test_a_refusal_has_no_effect(
    server: SimulatorServer, session: aiohttp.ClientSession, switch: str, status: int
) -> None:
    await turn(session, server, **{switch: 1.0})
    async with session.post(server.url("till") + "/x") as answer:
        assert answer.status == status
    assert await rung(session, server) == []


async def test_lost_response_has_its_effect(server: SimulatorServer, session: aiohttp.ClientSession) -> None:
    await turn(session, server, lost_response=1.0)
    with pytest.raises(aiohttp.ClientError):
        await session.post(server.url("till") + "/x")
    assert len(await rung(session, server)) == 1


async def test_html_200_has_its_effect(server: SimulatorServer, session: aiohttp.ClientSession) -> None:
    await turn(session, server, html_200=1.0)
    async with session.post(server.url("till") + "/x") as answer:
        assert answer.status == 200
        assert (await answer.text()).startswith("<html>")
    assert len(await rung(session, server)) == 1


async def test_late_commit_takes_effect_after_the_answer_was_lost(
    server: SimulatorServer, session: aiohttp.ClientSession
) -> None:
    await turn(session, server, late_commit=1.0, late_commit_s=0.3)
    with pytest.raises(aiohttp.ClientError):
        await session.post(server.url("till") + "/x")
    assert await rung(session, server) == []
    assert server.pending() == 1
    await until(lambda: server.pending() == 0)
    assert len(await rung(session, server)) == 1


async def test_tick_runs(server: SimulatorServer, session: aiohttp.ClientSession) -> None:
    till = server._hosted["till"].simulator
    assert isinstance(till, Till)
    await until(lambda: till.ticks >= 2)


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[str, list[str], list[int]]]:
    """A webhook end point: url, the numbers that arrived, and the statuses to answer with (then 200)."""
    arrived: list[str] = []
    answers: list[int] = []

    async def receive(request: web.BaseRequest) -> web.Response:
        arrived.append(request.headers["x-number"])
        return web.Response(status=answers.pop(0) if answers else 200)

    runner = web.ServerRunner(web.Server(receive))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/", arrived, answers
    await runner.cleanup()


async def announce(session: aiohttp.ClientSession, server: SimulatorServer, url: str, times: int = 1) -> None:
    wanted = {"verb": "announce", "args": {"url": url, "times": times}}
    async with session.post(f"{server.control_url}/_sim/till/act", json=wanted) as answer:
        assert await answer.json() == {"announced": times}


async def counts(session: aiohttp.ClientSession, server: SimulatorServer) -> dict[str, int]:
    async with session.get(f"{server.control_url}/_sim") as answer:
        return dict((await answer.json())[0]["webhooks"])


async def test_webhook_is_repeated_until_2xx(server: SimulatorServer, session: Any, receiver: Any) -> None:
    url, arrived, answers = receiver
    answers.extend([503, 500])
    await announce(session, server, url)
    await until(lambda: server.pending() == 0)
    assert arrived == ["0", "0", "0"]
    assert (await counts(session, server))["delivered"] == 1


async def acknowledged(session: aiohttp.ClientSession, server: SimulatorServer) -> list[str]:
    async with session.get(f"{server.control_url}/_sim/till/acknowledged") as answer:
        return list(await answer.json())


async def test_only_what_was_answered_2xx_counts_as_acknowledged(
    server: SimulatorServer, session: Any, receiver: Any
) -> None:
    url, _, answers = receiver
    answers.extend([503] * 4)
    await announce(session, server, url)
    await until(lambda: server.pending() == 0)
    assert await acknowledged(session, server) == []
    await announce(session, server, url, times=2)
    await until(lambda: server.pending() == 0)
    assert await acknowledged(session, server) == ["event 0", "event 1"]


async def test_webhook_is_given_up_in_the_end(server: SimulatorServer, session: Any, receiver: Any) -> None:
    url, arrived, answers = receiver
    answers.extend([503] * 10)
    await announce(session, server, url)
    await until(lambda: server.pending() == 0)
    assert len(arrived) == 4
    assert (await counts(session, server))["failed"] == 1


async def test_webhooks_doubled_dropped_and_shuffled(server: SimulatorServer, session: Any, receiver: Any) -> None:
    url, arrived, _ = receiver
    await turn(session, server, duplicate_webhooks=1.0)
    await announce(session, server, url)
    await until(lambda: server.pending() == 0)
    assert arrived == ["0", "0"]

    arrived.clear()
    await turn(session, server, duplicate_webhooks=0.0, dropped_webhooks=1.0)
    await announce(session, server, url)
    assert server.pending() == 0
    assert (await counts(session, server))["dropped"] == 1

    await turn(session, server, dropped_webhooks=0.0, shuffled_webhooks=0.5)
    await announce(session, server, url, times=12)
    await until(lambda: len(arrived) == 12)
    assert sorted(arrived, key=int) == [str(number) for number in range(12)]
    assert arrived != sorted(arrived, key=int)


async def test_an_unknown_act_is_a_clear_error(server: SimulatorServer, session: aiohttp.ClientSession) -> None:
    async with session.post(f"{server.control_url}/_sim/till/act", data=json.dumps({"verb": "fly"})) as answer:
        assert answer.status == 400
        assert "unknown verb fly" in (await answer.json())["error"]
