"""What the launcher remembers between two runs: ports, where Odoo is, which databases it made."""

import json
import secrets
from pathlib import Path
from typing import Any

from .errors import LauncherError
from .layout import write_atomic


class State:
    """A small JSON document, written whole at each change.

    Keys: ``instance`` (eight hex digits, tells checkouts apart on a shared server), ``ports``
    (name -> port), ``odoo`` (see `odoo_source.OdooSource`), ``database_server`` (an external
    server's host, port and user, never its password), ``templates`` (kind -> names, oldest first).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._values: dict[str, Any] = json.loads(path.read_text())
        except FileNotFoundError:
            self._values = {}
        except ValueError as error:
            raise LauncherError(
                f"{path} is not valid JSON ({error})",
                "Delete that file; the launcher then chooses its ports anew",
            ) from error

    def get(self, key: str, default: Any = None) -> Any:
        return self._values.get(key, default)

    def set(self, key: str, value: Any) -> None:
        if self._values.get(key) == value:
            return
        self._values[key] = value
        write_atomic(self._path, json.dumps(self._values, indent=2, sort_keys=True) + "\n")

    def discard(self, key: str) -> None:
        if self._values.pop(key, None) is not None:
            write_atomic(self._path, json.dumps(self._values, indent=2, sort_keys=True) + "\n")

    @property
    def instance(self) -> str:
        if not self.get("instance"):
            self.set("instance", secrets.token_hex(4))
        return self.get("instance")

    def port(self, name: str) -> int | None:
        return self.get("ports", {}).get(name)

    def set_port(self, name: str, port: int) -> None:
        self.set("ports", {**self.get("ports", {}), name: port})
