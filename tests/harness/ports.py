"""TCP ports on the loopback interface."""

import socket

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A port that nobody listens on now, chosen by the kernel.

    Another process may take it before the caller binds it; the kernel hands ephemeral ports out in
    a random order, which makes that rare, and a server that cannot bind ends with an error.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]
