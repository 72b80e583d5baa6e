from odoo import models
from odoo.http import request

from ..const import API_PREFIX
from ..tools.problem import CONTENT_TYPE, Problem


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    @classmethod
    def _serve_fallback(cls):
        """What begins like our API and is no route of it. Odoo would look for an attachment of
        that address, and fail at a NUL in it."""
        if request.httprequest.path.startswith(API_PREFIX):
            problem = Problem.of_status(404)
            return request.make_response(
                problem.encode(), [("Content-Type", CONTENT_TYPE)], status=problem.status
            )
        return super()._serve_fallback()
