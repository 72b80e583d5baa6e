"""A partner that sends as fast as it is answered, over a few connections, in its own process.

python -m tests.bench.kit.inbound_client REQUESTS.json --connections 16

REQUESTS.json is a list of [address, headers, body]. One JSON object comes out: ``seconds`` from the
first request to the last answer, ``milliseconds`` of each request, ``statuses`` as counts.
"""

import argparse
import asyncio
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp


async def send_all(requests: list[list[Any]], connections: int) -> dict[str, Any]:
    waiting, times, statuses = iter(requests), [], Counter()

    async def partner(session: aiohttp.ClientSession) -> None:
        for address, headers, body in waiting:
            start = time.perf_counter()
            async with session.post(address, data=body.encode(), headers=headers) as answer:
                await answer.read()
                statuses[answer.status] += 1
            times.append((time.perf_counter() - start) * 1000)

    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector) as session:
        start = time.perf_counter()
        await asyncio.gather(*(partner(session) for _n in range(connections)))
        seconds = time.perf_counter() - start
    return {"seconds": seconds, "milliseconds": times, "statuses": statuses}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("requests", type=Path)
    parser.add_argument("--connections", type=int, required=True)
    arguments = parser.parse_args()
    requests = json.loads(arguments.requests.read_text())
    print(json.dumps(asyncio.run(send_all(requests, arguments.connections))))


if __name__ == "__main__":
    main()
