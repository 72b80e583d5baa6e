from odoo import Command, models
from odoo.addons.mfg_integration_base.exceptions import BusinessReject
from odoo.tools import SQL


class MrpProduction(models.Model):
    """Booking of shop-floor reports: exactly what was reported, nothing that Odoo makes up."""

    _inherit = "mrp.production"

    def _mfg_lock(self):
        """Make reports of one order wait for each other, here and not halfway through.

        Whoever waited gets a serialization failure and is run again with a fresh snapshot: its
        view of the order's operations and reports is old. Hence a write: a lock alone would let
        it go on if the other one left this row as it is.
        """
        self.env.cr.execute(
            SQL("UPDATE mrp_production SET mfg_revision = mfg_revision WHERE id = %s", self.id)
        )

    def _mfg_book(self, progress, report, *, scrap, consumption):
        """Move the order to what ``progress`` says.

        :param scrap: changes to book: list of ``(product, reason, lot name, quantity)``, the
            quantity a float in the unit of the order (its own product) or of the component
        :param consumption: all that was reported for the order, ``{product: [(lot, Decimal)]}`` in
            the products' units; empty: by the bill of materials
        :return: warnings for the partner
        :raises BusinessReject: cannot be booked as it is; the caller rolls back
        """
        self.ensure_one()
        self._mfg_hold_consumption()
        warnings = self._mfg_book_lots(report)
        self._mfg_book_start(progress)
        self._mfg_book_good(progress)
        if progress.workorder_id:
            self.env["mrp.workcenter.productivity"]._mfg_replace(progress)
        self._mfg_book_scrap(progress, scrap)
        if consumption:
            self._mfg_book_consumption(consumption)
        if report.finished:
            warnings += self._mfg_book_finish(progress, consumption)
        return warnings

    def _mfg_book_consumption(self, consumption):
        """Have the order consume what was reported so far.

        :param consumption: as ``_mfg_book`` takes it
        """
        self._mfg_hold_consumption()
        self._mfg_add_components(consumption)
        self._mfg_consume(self.env["stock.move"], consumption)

    # === Start, quantities === #

    def _mfg_open_workorders(self):
        return self.workorder_ids.filtered(lambda w: w.state not in ("done", "cancel"))

    def _mfg_book_start(self, progress):
        started_at = progress.started_at or progress.ended_at or self.env.cr.now()
        workorders = progress.workorder_id or self._mfg_open_workorders()
        if workorders:
            workorders._mfg_start(started_at.replace(microsecond=0))
        elif self.state == "confirmed":
            self.with_context(force_date=True).date_start = started_at.replace(microsecond=0)
            self.action_start()

    def _mfg_book_good(self, progress):
        if progress.workorder_id:
            targets = progress.workorder_id
        else:
            # A report on the whole order says the least that each of its operations has made.
            own = self.mfg_progress_ids.workorder_id
            targets = self._mfg_open_workorders().filtered(
                lambda w: w not in own or w.qty_produced < progress.good
            )
        good = sum(
            self.mfg_progress_ids.filtered(
                lambda row: row.workorder_id == progress.workorder_id
            ).mapped("good")
        )
        for workorder in targets:
            if self.product_uom_id.compare(workorder.qty_produced, good):
                workorder.qty_produced = self.product_uom_id.round(good)
        self._mfg_set_producing(self._mfg_good())

    def _mfg_good(self):
        """Good pieces of the order: what its last operations have made."""
        active = self.workorder_ids.filtered(lambda w: w.state != "cancel")
        if not active:
            return sum(self.mfg_progress_ids.filtered(lambda r: not r.workorder_id).mapped("good"))
        last = active.filtered(lambda w: not w.needed_by_workorder_ids & active)
        return min(last.mapped("qty_produced"))

    def _mfg_set_producing(self, quantity):
        if self.product_uom_id.compare(self.qty_producing, quantity):
            self.qty_producing = self.product_uom_id.round(quantity)

    # === Lots of the product === #

    def _mfg_book_lots(self, report):
        names = report.serials if self.product_tracking == "serial" else [report.lot]
        names = [name for name in names if name]
        if self.product_tracking == "none":
            if report.lot or report.serials:
                return [self.env._("The product is not tracked: its lot is ignored.")]
            return []
        if not names:
            return []
        lots = self._mfg_lots(self.product_id, names)
        if self.product_tracking == "serial":
            new = lots - self.lot_producing_ids
            if new and self._are_finished_serials_already_produced(new):
                raise BusinessReject(
                    "conflict",
                    self.env._(
                        "A serial number of this report was produced before: %s.",
                        ", ".join(new.mapped("name")),
                    ),
                    "/serials",
                )
        elif self.lot_producing_ids and self.lot_producing_ids != lots:
            raise BusinessReject(
                "conflict",
                self.env._(
                    "%(order)s is produced into lot %(old)s; the report says %(new)s. An order "
                    "takes one lot: finish it, and report the rest on its backorder.",
                    order=self.name,
                    old=self.lot_producing_ids.name,
                    new=lots.name,
                ),
                "/lot",
            )
        if self.lot_producing_ids != lots:
            self.lot_producing_ids = [Command.set(lots.ids)]
        return []

    def _mfg_lots(self, product, names, *, create=True):
        """Lots of ``product`` by name, in the order of ``names``; missing ones are made."""
        lots = self.env["stock.lot"].search(
            [
                ("product_id", "=", product.id),
                ("name", "in", list(names)),
                ("company_id", "in", [self.company_id.id, False]),
            ]
        )
        by_name = {lot.name: lot for lot in lots}
        missing = [name for name in names if name not in by_name]
        if missing and not create:
            raise BusinessReject(
                "unknown_reference",
                self.env._(
                    "There is no lot %(lot)s of %(product)s.",
                    lot=", ".join(missing),
                    product=product.display_name,
                ),
                "/consumption",
            )
        made = self.env["stock.lot"].create(
            [
                {"product_id": product.id, "name": name, "company_id": self.company_id.id}
                for name in missing
            ]
        )
        made._mfg_note_maker()
        by_name.update({lot.name: lot for lot in made})
        return self.env["stock.lot"].union(*(by_name[name] for name in names))

    # === Scrap === #

    def _mfg_book_scrap(self, progress, lines):
        for product, reason, lot_name, quantity in lines:
            if quantity < 0:
                self._mfg_correct_scrap(progress, product, reason, -quantity)
                continue
            own = product == self.product_id
            lots = self._mfg_lots(product, [lot_name], create=own) if lot_name else None
            tags = self.env["stock.scrap.reason.tag"].search([("name", "=", reason)])
            scrap = self.env["stock.scrap"].create(
                {
                    "company_id": self.company_id.id,
                    "production_id": self.id,
                    "workorder_id": progress.workorder_id.id,
                    "product_id": product.id,
                    "product_uom_id": (self.product_uom_id if own else product.uom_id).id,
                    "scrap_qty": quantity,
                    "lot_id": lots.id if lots else False,
                    "origin": self.name,
                    "scrap_reason_tag_ids": [Command.set(tags.ids)],
                    "mfg_reason": reason,
                    "mfg_progress_id": progress.id,
                    "mfg_booking": self._mfg_scrap_booking() if own else False,
                }
            )
            if own:
                scrap.do_scrap()
            elif isinstance(scrap.action_validate(), dict):
                raise BusinessReject(
                    "wizard_required",
                    self.env._(
                        "%(quantity)s %(uom)s of %(product)s are to be scrapped, but "
                        "%(location)s does not hold as much. Correct the stock, then retry.",
                        quantity=quantity,
                        uom=product.uom_id.name,
                        product=product.display_name,
                        location=scrap.location_id.display_name,
                    ),
                    "/scrap",
                )

    def _mfg_scrap_booking(self):
        policy = self.product_id.product_tmpl_id.mfg_scrap_policy
        return "at_close" if policy == "produce_then_scrap" else "in_process"

    def _mfg_correct_scrap(self, progress, product, reason, quantity):
        if product != self.product_id:
            raise BusinessReject(
                "conflict",
                self.env._(
                    "The report takes back scrap of component %s, which has left the stock. "
                    "Correct the stock by hand, then cancel this message with a reason.",
                    product.display_name,
                ),
                "/scrap",
            )
        records = self.scrap_ids.filtered(
            lambda s: s.mfg_progress_id == progress and s.mfg_booking and s.mfg_reason == reason
        )
        for record in records.sorted("id", reverse=True):
            less = min(quantity, record.scrap_qty)
            if self.product_uom_id.compare(less, 0) > 0:
                record._mfg_correct(less, progress.correction_reason or "")
                quantity -= less
