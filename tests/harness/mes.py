"""The plant simulator in a process of its own, and what a scenario may ask of it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .shop_floor import ShopFloor


class Mes(ShopFloor):
    """``python -m tests.simulators.mes``.

    :param plant: what its file says, see there
    """

    module = "tests.simulators.mes"
    name = "MES"

    def __init__(self, folder: Path, *, plant: Mapping[str, Any], **connection: str):
        self._plant = plant
        super().__init__(folder, **connection)

    def more(self, folder: Path) -> list[str]:
        path = folder / "plant.json"
        path.write_text(json.dumps(self._plant))
        return [f"--plant={path}"]

    def state(self) -> dict[str, Any]:
        return self._ask("/state")

    def books(self) -> dict[str, Any]:
        return self._ask("/books")

    def begin(self, speed: float) -> None:
        self._ask("/begin", {"speed": speed})

    def fail(self, workcenter: str, reason: str) -> dict[str, Any]:
        return self._ask("/fail", {"workcenter": workcenter, "reason": reason})

    def repair(self, workcenter: str) -> dict[str, Any]:
        return self._ask("/repair", {"workcenter": workcenter})

    def snapshot(self, kind: str, location: str) -> dict[str, Any]:
        return self._ask("/snapshot", {"kind": kind, "location": location})
