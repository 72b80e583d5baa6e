from odoo.http import Controller, request, route


class BareController(Controller):
    """The least that stores a message: no check of anything, one INSERT, one commit."""

    @route("/bench/raw", type="http", auth="none", csrf=False, methods=["POST"], save_session=False)
    def raw(self):
        request.env.cr.execute(
            "INSERT INTO bench_message (body) VALUES (%s)", [request.httprequest.get_data(True)]
        )
        return request.make_response("{}", [("Content-Type", "application/json")])
