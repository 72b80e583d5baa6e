"""Odoo as a logged-in user's browser speaks to it: the web client's own JSON calls."""

from typing import Any

import requests

TIMEOUT_SECONDS = 120


class RpcError(AssertionError):
    """Odoo answered with an error. ``name`` is the exception's class, e.g.
    ``odoo.exceptions.ValidationError``; ``message`` is what the user would read."""

    def __init__(self, name: str, message: str, debug: str = ""):
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message
        self.debug = debug


class Rpc:
    """One user's session.

    :param url: of the server, without a path
    :raises RpcError: login refused
    """

    def __init__(self, url: str, database: str, login: str = "admin", password: str = "admin"):
        self.url = url
        self.database = database
        self._http = requests.Session()
        # The environment may name a proxy; the server is on this machine.
        self._http.trust_env = False
        info = self._post(
            "/web/session/authenticate", {"db": database, "login": login, "password": password}
        )
        if not info.get("uid"):
            raise RpcError("AccessDenied", f"{login} may not log in to {database}.")
        self.uid: int = info["uid"]

    def __call__(self, model: str, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a public method as the user: ``rpc("mrp.production", "action_confirm", ids)``.

        :raises RpcError: whatever Odoo would show the user
        """
        return self._post(
            f"/web/dataset/call_kw/{model}/{method}",
            {"model": model, "method": method, "args": list(args), "kwargs": kwargs},
        )

    def create(self, model: str, *values: dict[str, Any]) -> list[int]:
        return self(model, "create", list(values))

    def write(self, model: str, ids: list[int], values: dict[str, Any]) -> None:
        self(model, "write", ids, values)

    def read(self, model: str, ids: list[int], *fields: str) -> list[dict[str, Any]]:
        return self(model, "read", ids, list(fields))

    def search(
        self, model: str, domain: list, *fields: str, **options: Any
    ) -> list[dict[str, Any]]:
        """Records that match, in the model's order unless ``order`` says otherwise."""
        return self(model, "search_read", domain, list(fields), **options)

    def one(self, model: str, domain: list, *fields: str) -> dict[str, Any]:
        """The one record that matches.

        :raises AssertionError: there are none, or several
        """
        found = self.search(model, domain, *fields)
        if len(found) != 1:
            raise AssertionError(f"{len(found)} records of {model} match {domain}, expected one.")
        return found[0]

    def count(self, model: str, domain: list) -> int:
        return self(model, "search_count", domain)

    def ref(self, xmlid: str) -> int:
        """Database id of the record with this external id."""
        module, _, name = xmlid.partition(".")
        domain = [("module", "=", module), ("name", "=", name)]
        return self.one("ir.model.data", domain, "res_id")["res_id"]

    def _post(self, path: str, parameters: dict[str, Any]) -> Any:
        answer = self._http.post(
            self.url + path,
            json={"jsonrpc": "2.0", "method": "call", "params": parameters},
            timeout=TIMEOUT_SECONDS,
        )
        answer.raise_for_status()
        document = answer.json()
        if error := document.get("error"):
            data = error.get("data", {})
            raise RpcError(
                data.get("name", "error"),
                data.get("message", error["message"]),
                data.get("debug", ""),
            )
        return document.get("result")
