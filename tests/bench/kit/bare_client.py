"""The limit: what an aiohttp session with default options posts in a second, and nothing else.

python -m tests.bench.kit.bare_client --url http://127.0.0.1:8701/events --count 10000
"""

import argparse
import asyncio
from collections.abc import Iterator

import aiohttp

from .payload import body, token

AT_ONCE = 100
"""Requests under way at once: as many as a default session keeps connections."""


async def post_all(url: str, count: int) -> None:
    bodies = iter([body(token(number)).encode() for number in range(count)])
    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(_post(session, url, bodies) for _n in range(AT_ONCE)))


async def _post(session: aiohttp.ClientSession, url: str, bodies: Iterator[bytes]) -> None:
    for content in bodies:
        async with session.post(
            url, data=content, headers={"Content-Type": "application/json"}
        ) as answer:
            answer.raise_for_status()
            await answer.read()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--count", type=int, required=True)
    arguments = parser.parse_args()
    asyncio.run(post_all(arguments.url, arguments.count))


if __name__ == "__main__":
    main()
