"""The receiving end: a lean HTTP server in a process of its own.

    python -m tests.bench.kit.receiver --port 8701

``POST`` anywhere is counted by the token in its body and answered with 204 after the set delay.
``/control/...`` is for the benchmark: see ``receiver_process``. Times are those of the monotonic
clock, which all processes of a machine share on Linux.
"""

import argparse
import asyncio
import time

from aiohttp import web

from tests.harness.ports import LOOPBACK

from .payload import TOKEN


class Receiver:
    """What came, since the last reset."""

    def __init__(self) -> None:
        self.delay = 0.0
        self._reset()

    def _reset(self) -> None:
        self.arrivals: dict[str, float] = {}  # token -> when it first came
        self.requests = 0
        self.repeated = 0
        self.bytes = 0
        self.waiting = 0
        self.first = self.last = 0.0

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path.startswith("/control/"):
            return await self._control(request)
        body = await request.read()
        now = time.monotonic()
        if not self.requests:
            self.first = now
        self.last = now
        self.requests += 1
        self.bytes += len(body)
        for match in TOKEN.finditer(body):
            token = match[1].decode()
            if token in self.arrivals:
                self.repeated += 1
            else:
                self.arrivals[token] = now
        if self.delay:
            self.waiting += 1
            try:
                await asyncio.sleep(self.delay)
            finally:
                self.waiting -= 1
        return web.Response(status=204)

    async def _control(self, request: web.BaseRequest) -> web.Response:
        what = request.path.rpartition("/")[2]
        if what == "reset":
            self._reset()
            self.delay = (await request.json())["delay"]
        if what == "arrivals":
            return web.json_response(self.arrivals)
        return web.json_response(
            {
                "distinct": len(self.arrivals),
                "requests": self.requests,
                "repeated": self.repeated,
                "bytes": self.bytes,
                "waiting": self.waiting,
                "seconds": self.last - self.first,
            }
        )


async def serve(port: int) -> None:
    server = web.Server(Receiver().handle)
    runner = web.ServerRunner(server, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, LOOPBACK, port, backlog=1024).start()
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    asyncio.run(serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
