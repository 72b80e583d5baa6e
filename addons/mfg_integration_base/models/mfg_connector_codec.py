from odoo import api, fields, models


class MfgConnector(models.Model):
    """In which format a partner gets events."""

    _inherit = "mfg.connector"

    codec = fields.Selection(
        [("json", "CloudEvents (JSON)")],
        string="Body",
        required=True,
        default="json",
        ondelete={"json": "set default"},
        tracking=True,
        help="The format of messages to this partner. Headers and signature are the same in all.",
    )

    @api.constrains("codec")
    def _check_codec(self):
        self.subscription_ids._check_encoded()
