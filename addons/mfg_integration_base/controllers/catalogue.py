from odoo.http import Controller, request, route

from ..const import API_PREFIX
from .inbound import OPTIONS, allow, json_response, received

PAGE_HEADERS = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    # Nothing but our own text and style, whatever a description holds.
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
]


class CatalogueController(Controller):
    """The interface's description: documents for partners' programs, a page for people."""

    @route(f"{API_PREFIX}/openapi.json", **OPTIONS)
    def openapi(self):
        allow("GET", "HEAD")
        return json_response(request.env["mfg.catalogue"]._document("openapi", received()))

    @route(f"{API_PREFIX}/asyncapi.json", **OPTIONS)
    def asyncapi(self):
        allow("GET", "HEAD")
        return json_response(request.env["mfg.catalogue"]._document("asyncapi", received()))

    @route("/mfg/docs/<model('mfg.connector'):connector>", type="http", auth="user", readonly=True)
    def page(self, connector):
        """For users who may read the connector; to be printed or sent to the partner."""
        connector.check_access("read")
        # sudo: routes and subscriptions are the connector's own.
        values = request.env["mfg.catalogue"].sudo()._page(connector.sudo())
        html = request.env["ir.qweb"]._render("mfg_integration_base.catalogue_page", values)
        return request.make_response(f"<!DOCTYPE html>\n{html}", PAGE_HEADERS)
