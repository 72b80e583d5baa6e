import re

from odoo import api, fields, models
from odoo.exceptions import ValidationError

PATTERNS = {"x12": re.compile(r"[0-9]{3}"), "edifact": re.compile(r"[A-Z]{6}")}
ACKNOWLEDGEMENTS = frozenset({"997", "999", "CONTRL", "TA1"})


class MfgTradingAgreementDocument(models.Model):
    """A kind of document that both sides agreed to exchange, in one direction."""

    _name = "mfg.trading.agreement.document"
    _description = "Document type of a trading agreement"
    _order = "agreement_id, direction, code"
    _rec_name = "code"

    agreement_id = fields.Many2one(
        "mfg.trading.agreement", required=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="agreement_id.company_id", store=True)
    direction = fields.Selection(
        [("out", "We send"), ("in", "We receive")], required=True, default="out"
    )
    code = fields.Char(string="Document", required=True, help="e.g. 850, 856, ORDERS, DESADV")
    guideline = fields.Char(
        help="The partner's implementation guideline or association code, e.g. EAN008."
    )
    acknowledge = fields.Boolean(
        string="Acknowledged",
        default=True,
        help="The receiver answers with the agreed syntax acknowledgement.",
    )
    note = fields.Char()

    _document_uniq = models.Constraint(
        "UNIQUE (agreement_id, direction, code)",
        "This document is already listed for that direction.",
    )

    @api.constrains("code", "agreement_id")
    def _check_code(self):
        for document in self:
            if not PATTERNS[document.agreement_id.standard].fullmatch(document.code):
                raise ValidationError(
                    self.env._(
                        "Document “%s”: write three digits for X12 (850) or six capital letters "
                        "for EDIFACT (ORDERS).",
                        document.code,
                    )
                )

    @api.constrains("code", "acknowledge")
    def _check_not_acknowledged_twice(self):
        for document in self:
            if document.code in ACKNOWLEDGEMENTS and document.acknowledge:
                raise ValidationError(
                    self.env._(
                        "%s is itself an acknowledgement and is not acknowledged.", document.code
                    )
                )
