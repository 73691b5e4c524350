"""Hosts simulated vendors over real sockets: one port each, one event loop, faults and webhooks included.

Every port answers the control paths too (``control.py``); a port of its own keeps them reachable while all is down.
"""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from random import Random
from typing import Any

import msgspec
from aiohttp import web

from crossdock.simulators.base import Deliver, Faults, Reply, Request, Simulator, Surroundings
from crossdock.simulators.postman import Postman

_log = logging.getLogger(__name__)

_HTML = b"<html><head><title>One moment</title></head><body><h1>Verifying your request</h1></body></html>"
_MAX_BODY = 16 * 1024 * 1024
_TICK_S = 0.1

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class _Hosted:
    """One simulator with what the host keeps for it."""

    def __init__(self, simulator: Simulator, postman: Postman, port: int) -> None:
        self.simulator, self.postman, self.port = simulator, postman, port
        self.late = 0  # requests whose effect is still to come


class SimulatorServer:
    """Several vendors in one process. Make it, give each simulator ``surroundings(name)``, ``add`` it, ``start``.

    ``random`` drives the faults; ``webhook_delays_s`` is the vendors' retry schedule (a delivery that was not
    answered with 2xx within 5 s is repeated after each delay, then given up), shortened so that a demo sees it.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        random: Random | None = None,
        webhook_delays_s: tuple[float, ...] = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0),
    ) -> None:
        self._host = host
        self._random = random or Random()  # noqa: S311 - faults, not secrets
        self._delays = webhook_delays_s
        self._hosted: dict[str, _Hosted] = {}
        self._postmen: dict[str, Postman] = {}
        self._runners: list[web.ServerRunner] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._control_port = 0

    def surroundings(self, name: str) -> Surroundings:
        """What the simulator called ``name`` is constructed with: the wall clock, and webhooks sent by this host."""
        return Surroundings(
            now=lambda: datetime.now(UTC),
            sleep=asyncio.sleep,
            random=Random(self._random.random()),  # noqa: S311
            send=self._postman(name).send,
            ask=self._postman(name).ask,
        )

    def add(self, simulator: Simulator, *, port: int = 0) -> None:
        """Host it from ``start`` on; port 0 lets the system choose. Names are unique."""
        if simulator.name in self._hosted:
            raise ValueError(f"a simulator named {simulator.name!r} is hosted already")
        postman = self._postman(simulator.name)
        postman.obey(lambda: simulator.faults)
        self._hosted[simulator.name] = _Hosted(simulator, postman, port)

    async def start(self, *, control_port: int = 0) -> None:
        """Open all ports and begin ticking. Needs a running loop."""
        self._control_port = await self._listen(self._control_only, control_port)
        for hosted in self._hosted.values():
            hosted.port = await self._listen(self._serving(hosted), hosted.port)
            hosted.postman.start()
            self._spawn(self._ticking(hosted.simulator))

    async def stop(self) -> None:
        """Close the ports, forget webhooks and late effects still under way."""
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for postman in self._postmen.values():
            await postman.stop()

    def url(self, name: str) -> str:
        """The base URL of a hosted simulator, without a slash at the end."""
        return f"http://{self._host}:{self._hosted[name].port}"

    @property
    def control_url(self) -> str:
        """Where ``/_sim`` answers whatever the simulators' faults are."""
        return f"http://{self._host}:{self._control_port}"

    def pending(self) -> int:
        """Webhooks not yet delivered or given up, and effects still to come: 0 when all is quiet."""
        return sum(hosted.postman.pending + hosted.late for hosted in self._hosted.values())

    def _postman(self, name: str) -> Postman:
        if name not in self._postmen:
            self._postmen[name] = Postman(name, Random(self._random.random()), self._delays)  # noqa: S311
        return self._postmen[name]

    async def _listen(self, handler: Handler, port: int) -> int:
        loop = asyncio.get_running_loop()

        def sized(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
            return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=_MAX_BODY)

        server = web.Server(handler, request_factory=sized, access_log=None)
        runner = web.ServerRunner(server, shutdown_timeout=0.5)
        await runner.setup()
        self._runners.append(runner)
        await web.TCPSite(runner, self._host, port).start()
        return int(runner.addresses[0][1])

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ticking(self, simulator: Simulator) -> None:
        while True:
            try:
                await simulator.tick()
            except Exception:  # noqa: BLE001 - logged; one bad tick must not stop a vendor for good
                _log.exception("simulator %s: tick failed", simulator.name)
            await asyncio.sleep(_TICK_S)

    def _serving(self, hosted: _Hosted) -> Handler:
        async def serve(request: web.BaseRequest) -> web.StreamResponse:
            if request.path.startswith("/_sim"):
                return await self._control(request)
            asked = Request(
                request.method,
                request.path,
                dict(request.query) if request.query_string else {},
                {name.lower(): value for name, value in request.headers.items()},
                await request.read() if request.body_exists else b"",
            )
            reply = await self._with_faults(hosted, asked)
            if reply is None:
                return _cut(request)
            return web.Response(status=reply.status, body=reply.body, headers=reply.headers)

        return serve

    async def _with_faults(self, hosted: _Hosted, asked: Request) -> Reply | None:
        """What the vendor's network makes of the request; ``None``: the connection is cut without an answer."""
        simulator, faults = hosted.simulator, hosted.simulator.faults
        if faults.down:
            return _unavailable() if self._happens(0.5) else None
        if faults.latency_s > 0:
            await asyncio.sleep(faults.latency_s)
        if self._happens(faults.slow):
            await asyncio.sleep(faults.slow_s)
        if self._happens(faults.error_503):
            return _unavailable()
        if self._happens(faults.rate_limited):
            return _throttled(simulator, asked)
        if self._happens(faults.late_commit):
            hosted.late += 1
            self._spawn(self._later(hosted, asked, faults.late_commit_s))
            return None
        reply = await simulator.handle(asked)
        if self._happens(faults.lost_response):
            return None
        if self._happens(faults.html_200):
            return Reply(200, _HTML, {"content-type": "text/html; charset=utf-8"})
        return reply

    def _happens(self, share: float) -> bool:
        return share > 0 and self._random.random() < share

    async def _later(self, hosted: _Hosted, asked: Request, after_s: float) -> None:
        try:
            await asyncio.sleep(after_s)
            await hosted.simulator.handle(asked)
        finally:
            hosted.late -= 1

    async def _control_only(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path.startswith("/_sim"):
            return await self._control(request)
        return _json({"error": "only /_sim is served here"}, 404)

    async def _control(self, request: web.BaseRequest) -> web.StreamResponse:
        """``GET /_sim`` · ``GET|POST /_sim/{name}/faults`` · ``GET /_sim/{name}/books`` ·
        ``GET /_sim/{name}/acknowledged`` · ``POST /_sim/{name}/act``."""
        match [request.method, *request.path.strip("/").split("/")]:
            case ["GET", "_sim"]:
                return _json([self._summary(name) for name in self._hosted])
            case [_, "_sim", name, *_] if name not in self._hosted:
                return _json({"error": f"no simulator {name!r}; there are {sorted(self._hosted)}"}, 404)
            case ["GET", "_sim", name, "faults"]:
                return _json(self._hosted[name].simulator.faults)
            case ["POST", "_sim", name, "faults"]:
                return self._turn(self._hosted[name].simulator, await request.read())
            case ["GET", "_sim", name, "books"]:
                return _json(self._hosted[name].simulator.books())
            case ["GET", "_sim", name, "acknowledged"]:
                return _json(sorted(self._hosted[name].postman.acknowledged - {""}))
            case ["POST", "_sim", name, "act"]:
                return await self._act(self._hosted[name].simulator, await request.read())
            case _:
                return _json({"error": f"no {request.method} {request.path}"}, 404)

    def _summary(self, name: str) -> Mapping[str, Any]:
        hosted = self._hosted[name]
        return {
            "name": name,
            "url": self.url(name),
            "faults": hosted.simulator.faults,
            "late_effects": hosted.late,
            "webhooks": hosted.postman.counts(),
        }

    def _turn(self, simulator: Simulator, body: bytes) -> web.Response:
        """Set the named switches and leave the others; ``{"reset": true}`` turns all off first."""
        try:
            wanted = msgspec.json.decode(body, type=dict[str, Any])
            before = {} if wanted.pop("reset", False) else msgspec.to_builtins(simulator.faults)
            unknown = sorted(set(wanted) - set(Faults.__struct_fields__))
            if unknown:
                raise msgspec.ValidationError(f"unknown switches {unknown}; there are {list(Faults.__struct_fields__)}")
            turned = msgspec.convert({**before, **wanted}, Faults)
        except msgspec.DecodeError as error:
            return _json({"error": str(error)}, 400)
        for switch in Faults.__struct_fields__:  # in place: whoever holds the object sees the change
            setattr(simulator.faults, switch, getattr(turned, switch))
        return _json(simulator.faults)

    async def _act(self, simulator: Simulator, body: bytes) -> web.Response:
        act = getattr(simulator, "act", None)
        if act is None:
            return _json({"error": f"simulator {simulator.name!r} has no acts"}, 404)
        try:
            wanted = msgspec.json.decode(body, type=_Act)
            done = act(wanted.verb, wanted.args)
            return _json(await done if inspect.isawaitable(done) else done)
        except (msgspec.DecodeError, LookupError, ValueError, TypeError) as error:
            return _json({"error": f"{type(error).__name__}: {error}"}, 400)


class _Act(msgspec.Struct):
    verb: str
    args: dict[str, Any] = {}


def _cut(request: web.BaseRequest) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=503)  # written to a closed connection: never seen


def _unavailable() -> Reply:
    return Reply(503, b"Service Unavailable", {"content-type": "text/plain"})


def _throttled(simulator: Simulator, asked: Request) -> Reply:
    """The vendor's own way to say "too many", if the simulator has a ``throttled(request)``; a plain 429 otherwise."""
    own: Callable[[Request], Reply] | None = getattr(simulator, "throttled", None)
    if own is not None:
        return own(asked)
    return Reply(429, b'{"error":"Too Many Requests"}', {"content-type": "application/json", "retry-after": "1"})


def _json(value: Any, status: int = 200) -> web.Response:
    body = msgspec.json.encode(value, enc_hook=str)
    return web.Response(status=status, body=body, headers={"content-type": "application/json"})


__all__ = ["Deliver", "SimulatorServer"]
