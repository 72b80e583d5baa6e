"""Sample messages of real systems. They are read in place and are no part of the project."""

import os
from pathlib import Path

import pytest

ENV = "MFG_CORPORA"
_BESIDE = Path(__file__).resolve().parents[2].parent / "shared" / "corpora"


def samples(kind: str, pattern: str = "*") -> list:
    """Files of a kind (``x12``, ``edifact``, ``b2mml/examples``, ...), as pytest parameters.

    The folder is named by the environment variable MFG_CORPORA, or stands beside the checkout;
    without it there is one parameter, which is skipped.
    """
    folder = Path(os.environ.get(ENV) or _BESIDE) / kind
    if not folder.is_dir():
        skip = pytest.mark.skip(reason="the corpora folder is absent")
        return [pytest.param(None, marks=skip, id="absent")]
    return [pytest.param(path, id=path.name) for path in sorted(folder.glob(pattern))]
