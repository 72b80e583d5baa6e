"""Choosing TCP ports so that two checkouts on one machine do not collide."""

import socket
from collections.abc import Callable, Collection

from .errors import LauncherError

LOOPBACK = "127.0.0.1"
#: how many ports after the preferred one are tried
SPAN = 200


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen on ``port`` now.

    The port is bound as a server would bind it: with SO_REUSEADDR, so that connections of a server
    that just ended (TIME_WAIT) do not count.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def choose(
    preferred: int,
    *,
    remembered: int | None = None,
    avoid: Collection[int] = (),
    free: Callable[[int], bool] = is_free,
) -> int:
    """The remembered port if it is still free, else the first free one from ``preferred`` on.

    :param avoid: ports that this checkout needs for something else
    :raises LauncherError: every port of the span is in use
    """
    if remembered and remembered not in avoid and free(remembered):
        return remembered
    for port in range(preferred, preferred + SPAN):
        if port not in avoid and free(port):
            return port
    raise LauncherError(
        f"no free port between {preferred} and {preferred + SPAN - 1}",
        "Stop a server that you no longer need, or give a port with --port",
    )
