from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

FREE_FIELDS = frozenset({"message_follower_ids", "message_ids", "activity_ids"})
"""What may still be written on a hold: talk about it, not the hold."""


class MfgQualityHold(models.Model):
    """Somebody said: do not use this stock. Who, when, why, and who let it go again.

    A hold is evidence: what it says never changes, it is released once and stays. It does not by
    itself stop a stock move.
    """

    _name = "mfg.quality.hold"
    _description = "Quality hold"
    _inherit = ["mail.thread", "mail.activity.mixin", "mfg.uuid.mixin"]
    _order = "placed_at desc, id desc"
    _check_company_auto = True

    name = fields.Char(string="Reference", readonly=True, copy=False)
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    product_id = fields.Many2one(
        "product.product",
        required=True,
        ondelete="restrict",
        index=True,
        check_company=True,
        compute="_compute_product",
        store=True,
        readonly=False,
        precompute=True,
    )
    lot_id = fields.Many2one(
        "stock.lot",
        string="Lot or serial number",
        ondelete="restrict",
        index=True,
        check_company=True,
        domain="[('product_id', '=?', product_id)]",
    )
    location_id = fields.Many2one(
        "stock.location",
        ondelete="restrict",
        check_company=True,
        domain="[('usage', 'in', ('internal', 'transit'))]",
        help="Only the stock in this location, with those below it. Empty: wherever it is.",
    )
    quantity = fields.Float(
        string="On hand under this hold",
        compute="_compute_quantity",
        digits="Product Unit",
        help="What the hold is about now, in the product's unit.",
    )
    uom_id = fields.Many2one(related="product_id.uom_id")
    reason = fields.Text(required=True)
    source_reference = fields.Char(
        string="Partner's reference", help="e.g. the number of the inspection or the complaint."
    )
    source_message_uuid = fields.Char(
        string="Placed by message",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="The message by which another system asked for the hold. Empty: by hand.",
    )
    state = fields.Selection(
        [("active", "On hold"), ("released", "Released")],
        required=True,
        default="active",
        readonly=True,
        copy=False,
        tracking=True,
    )
    placed_by_id = fields.Many2one("res.users", string="Placed by", readonly=True, copy=False)
    placed_at = fields.Datetime(string="Placed", readonly=True, copy=False)
    released_by_id = fields.Many2one("res.users", string="Released by", readonly=True, copy=False)
    released_at = fields.Datetime(string="Released", readonly=True, copy=False)
    release_reason = fields.Text(string="Reason of the release", readonly=True, copy=False)

    _lot_or_location = models.Constraint(
        "CHECK (lot_id IS NOT NULL OR location_id IS NOT NULL)",
        "A hold is about a lot or serial number, or about a product in a location: name at least "
        "one of them.",
    )
    _released_whole = models.Constraint(
        "CHECK ((state = 'released') = (released_at IS NOT NULL AND released_by_id IS NOT NULL"
        " AND release_reason IS NOT NULL))",
        "A release has a person, a time and a reason.",
    )
    _active_idx = models.Index("(lot_id, product_id) WHERE state = 'active'")

    @api.depends("lot_id")
    def _compute_product(self):
        for hold in self:
            hold.product_id = hold.lot_id.product_id or hold.product_id

    @api.depends("product_id", "lot_id", "location_id", "state")
    def _compute_quantity(self):
        for hold in self:
            hold.quantity = (
                sum(self.env["stock.quant"].search(hold._quant_domain()).mapped("quantity"))
                if hold.state == "active" and (hold.lot_id or hold.location_id)
                else 0.0
            )

    def _quant_domain(self):
        self.ensure_one()
        domain = [
            ("product_id", "=", self.product_id.id),
            ("company_id", "=", self.company_id.id),
            ("location_id.usage", "in", ("internal", "transit")),
        ]
        if self.lot_id:
            domain.append(("lot_id", "=", self.lot_id.id))
        if self.location_id:
            domain.append(("location_id", "child_of", self.location_id.id))
        return domain

    @api.constrains("lot_id", "product_id")
    def _check_lot(self):
        for hold in self:
            if hold.lot_id and hold.lot_id.product_id != hold.product_id:
                raise ValidationError(
                    self.env._(
                        "Lot %(lot)s is of %(other)s, not of %(product)s.",
                        lot=hold.lot_id.name,
                        other=hold.lot_id.product_id.display_name,
                        product=hold.product_id.display_name,
                    )
                )

    @api.constrains("reason")
    def _check_reason(self):
        for hold in self:
            if not hold.reason.strip():
                raise ValidationError(self.env._("Say why the stock is held."))

    # === Evidence === #

    @api.model_create_multi
    def create(self, vals_list):
        cause = self._mfg_cause()
        # sudo: who may place a hold need not be allowed to read sequences.
        sequence = self.env["ir.sequence"].sudo()
        for vals in vals_list:
            company_id = vals.get("company_id") or self.env.company.id
            vals |= {
                "name": sequence.with_company(company_id).next_by_code("mfg.quality.hold"),
                "state": "active",
                "placed_by_id": self.env.uid,
                "placed_at": fields.Datetime.now(),
                "source_message_uuid": cause.message_uuid if cause else False,
                "released_by_id": False,
                "released_at": False,
                "release_reason": False,
            }
        return super().create(vals_list)

    def write(self, vals):
        if vals.keys() - FREE_FIELDS:
            raise UserError(
                self.env._(
                    "A hold is evidence and does not change. Release it, and place another one if "
                    "something was wrong with it."
                )
            )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_refused(self):
        raise UserError(self.env._("A hold is evidence and cannot be deleted. Release it."))

    # === Release === #

    def action_release(self):
        """Ask for the reason (see the wizard ``mfg.quality.hold.release``)."""
        self._check_releasable()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Release the stock"),
            "res_model": "mfg.quality.hold.release",
            "view_mode": "form",
            "target": "new",
            "context": {"default_hold_ids": [(6, 0, self.ids)]},
        }

    def _release(self, reason):
        """Release these holds, once and for good.

        :raises UserError: already released, or no reason
        :raises AccessError: the user may not release
        """
        self._check_releasable()
        if not (reason or "").strip():
            raise UserError(self.env._("Say why the stock may be used again."))
        release = {
            "state": "released",
            "released_by_id": self.env.uid,
            "released_at": fields.Datetime.now(),
            "release_reason": reason.strip(),
        }
        # Past write(), which refuses this change to everybody else.
        return super().write(release)  # pylint: disable=super-method-mismatch

    def _check_releasable(self):
        self.check_access("write")
        for hold in self:
            if hold.state == "released":
                raise UserError(self.env._("Hold %s is already released.", hold.name))
