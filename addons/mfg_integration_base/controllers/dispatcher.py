"""How Odoo serves our API: raw bodies in, problem documents out.

Odoo's own ``http`` routes read forms before a controller sees the request (the raw bytes, which
are signed, are gone then), and answer errors in HTML. A routing type of our own does neither. It
also keeps exceptions away from the controllers: Odoo's ``retrying`` has to see them first.
"""

from werkzeug.exceptions import HTTPException

from odoo.http import HttpDispatcher

from ..models.inbox_exchange import Refused
from ..tools.problem import CONTENT_TYPE, Problem


class ApiDispatcher(HttpDispatcher):
    """Routes with ``type="mfg"``."""

    routing_type = "mfg"

    def dispatch(self, endpoint, args):
        # Unlike the parent: no form, no query string, no CSRF token (there is no session).
        self.request.params = dict(args)
        return self.request.registry["ir.http"]._dispatch(endpoint)

    def handle_error(self, exc):
        """The problem document of whatever a request ended with."""
        if isinstance(exc, Refused):
            return self.problem(exc.problem, exc.headers)
        if isinstance(exc, HTTPException):
            if exc.code is None:
                return exc  # a response that was raised
            methods = getattr(exc, "valid_methods", None)
            return self.problem(
                Problem.of_status(exc.code), {"Allow": ", ".join(methods)} if methods else {}
            )
        # Odoo logs it with its traceback; the partner learns nothing about our inside.
        return self.problem(Problem.of_status(500), {})

    def problem(self, problem, headers):
        return self.request.make_response(
            problem.encode(),
            [
                ("Content-Type", CONTENT_TYPE),
                ("Cache-Control", "no-store"),
                ("X-Content-Type-Options", "nosniff"),
                *headers.items(),
            ],
            status=problem.status,
        )
