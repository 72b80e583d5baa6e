"""A secret for libraries that take nothing but a file: in memory where the system can do that."""

import contextlib
import os
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def secret_file(content: bytes) -> Iterator[str]:
    """Yield a path to read ``content`` by, which leads nowhere afterwards."""
    if hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd"):
        descriptor = os.memfd_create("mfg-client-certificate")  # closed on exec
        try:
            with open(descriptor, "wb", closefd=False) as stream:
                stream.write(content)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    descriptor, path = tempfile.mkstemp(prefix="mfg-")  # for its owner only (0600)
    try:
        with open(descriptor, "wb") as stream:
            stream.write(content)
        yield path
    finally:
        os.unlink(path)
