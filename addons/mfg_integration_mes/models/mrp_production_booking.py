from collections import defaultdict
from decimal import Decimal

from odoo import Command, models
from odoo.addons.mfg_integration_base.exceptions import BusinessReject
from odoo.tools import SQL

from ..tools.allocation import allocate
from .reported import CONTEXT_KEY, Reported


class MrpProduction(models.Model):
    """Booking of shop-floor reports: exactly what was reported, nothing that Odoo makes up."""

    _inherit = "mrp.production"

    def _mfg_lock(self):
        """Make reports of one order wait for each other, here and not halfway through.

        Whoever waited sees a serialization failure if the other one changed the order, and is run
        again with a fresh snapshot.
        """
        self.env.cr.execute(
            SQL("SELECT 1 FROM mrp_production WHERE id = %s FOR NO KEY UPDATE", self.id)
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
            self._mfg_add_components(consumption)
            self._mfg_consume(self.env["stock.move"], consumption)
        if report.finished:
            warnings += self._mfg_book_finish(progress, consumption)
        return warnings

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

    # === Components === #

    def _mfg_open_raw_moves(self):
        return self.move_raw_ids.filtered(lambda move: move.state not in ("done", "cancel"))

    def _mfg_add_components(self, consumption):
        """Add what was consumed and not planned, unless the bill of materials forbids it."""
        planned = self._mfg_open_raw_moves().product_id
        for product in consumption:
            if product in planned:
                continue
            if self.consumption == "strict":
                raise BusinessReject(
                    "unknown_reference",
                    self.env._(
                        "%(product)s is no component of %(order)s, and its bill of materials "
                        "allows no others.",
                        product=product.display_name,
                        order=self.name,
                    ),
                    "/consumption",
                )
            self.write(
                {
                    "move_raw_ids": [
                        Command.create(
                            {
                                "product_id": product.id,
                                "product_uom": product.uom_id.id,
                                "product_uom_qty": 0.0,
                                "raw_material_production_id": self.id,
                                "location_id": self.location_src_id.id,
                                "manual_consumption": True,
                            }
                        )
                    ]
                }
            )

    def _mfg_consume(self, moves, consumption):
        """Set consumption exactly as reported.

        :param moves: moves that are due: what was not reported of them is an explicit zero. Odoo
            consumes the planned quantity of a move that nobody has touched
        """
        by_product = defaultdict(self.env["stock.move"].browse)
        for move in self._mfg_open_raw_moves().sorted(lambda m: (m.workorder_id.sequence, m.id)):
            by_product[move.product_id] |= move
        for product, product_moves in by_product.items():
            demands = [
                Decimal(
                    repr(move.product_uom._compute_quantity(move.product_uom_qty, product.uom_id))
                )
                for move in product_moves
            ]
            shares = allocate(consumption.get(product, ()), demands)
            for move, parts in zip(product_moves, shares, strict=True):
                if parts or move in moves:
                    self._mfg_set_consumed(move, parts)

    def _mfg_consume_by_bom(self, moves, pieces):
        """Consume what the bill of materials says for ``pieces`` good and scrapped pieces."""
        for move in moves:
            quantity = move.product_uom.round(pieces * move.unit_factor)
            if move.has_tracking == "none":
                self._mfg_set_quantity(move, quantity)
                continue
            move._set_quantity_done(quantity)
            if any(not line.lot_id and line.quantity for line in move.move_line_ids):
                raise self._mfg_component_lot_required(move.product_id)
            move.picked = True

    def _mfg_set_consumed(self, move, parts):
        product, uom = move.product_id, move.product_uom
        parts = [
            (lot, uom.round(product.uom_id._compute_quantity(float(quantity), uom, round=False)))
            for lot, quantity in parts
        ]
        if product.tracking == "none":
            self._mfg_set_quantity(move, uom.round(sum(quantity for _lot, quantity in parts)))
            return
        if any(not lot for lot, quantity in parts if not uom.is_zero(quantity)):
            raise self._mfg_component_lot_required(product)
        may_create = self.picking_type_id.use_create_components_lots
        commands = [Command.delete(line.id) for line in move.move_line_ids]
        for name, quantity in parts:
            lot = self._mfg_lots(product, [name], create=may_create)
            commands.append(
                Command.create(
                    {
                        **move._prepare_move_line_vals(quantity=0),
                        "lot_id": lot.id,
                        "quantity": quantity,
                        "picked": True,
                    }
                )
            )
        move.move_line_ids = commands
        move.picked = True

    def _mfg_component_lot_required(self, product):
        return BusinessReject(
            "lot_required",
            self.env._(
                "Component %s is tracked: report which lots were consumed.", product.display_name
            ),
            "/consumption",
        )

    def _mfg_set_quantity(self, move, quantity):
        """Both at once: a move that is not picked is filled up at the close."""
        if move.product_uom.compare(move.quantity, quantity):
            move.quantity = quantity
        move.picked = True

    # === Finish === #

    def _mfg_book_finish(self, progress, consumption):
        """Finish the operations that the report is about, and the order if that was the last."""
        for workorder in progress.workorder_id or self._mfg_open_workorders():
            self._mfg_finish_workorder(workorder, progress, consumption)
        waiting = (
            self._mfg_awaited_workorders() if progress.workorder_id else self.workorder_ids[:0]
        )
        if waiting:
            return []
        return self._mfg_close(progress, consumption)

    def _mfg_finish_workorder(self, workorder, progress, consumption):
        # Odoo fills up untouched moves of the operation when it finishes.
        moves = self._mfg_open_raw_moves().filtered(lambda m: m.workorder_id == workorder)
        if consumption:
            self._mfg_consume(moves, consumption)
        else:
            self._mfg_consume_by_bom(moves, self._mfg_pieces(workorder.qty_produced))
        workorder._mfg_finish(workorder.qty_produced, progress.started_at, progress.ended_at)

    def _mfg_awaited_workorders(self):
        """Operations that keep the order open.

        The last operations always; of the earlier ones those that the shop floor reports on. The
        others are finished with the order.
        """
        active = self.workorder_ids.filtered(lambda w: w.state != "cancel")
        reported = self.mfg_progress_ids.workorder_id
        return active.filtered(
            lambda w: (
                w.state != "done"
                and (
                    w in reported
                    or w.workcenter_id.mfg_owner_default == "mes"
                    or not w.needed_by_workorder_ids & active
                )
            )
        )

    def _mfg_scrapped(self):
        """Scrapped pieces of the product, in the order's unit."""
        return sum(
            scrap.product_uom_id._compute_quantity(
                scrap.scrap_qty, self.product_uom_id, round=False
            )
            for scrap in self._mfg_finished_scraps()
        )

    def _mfg_pieces(self, good):
        """Pieces that have used components: ``good`` and all that were scrapped."""
        return good + self._mfg_scrapped()

    def _mfg_close(self, progress, consumption):
        """Close the order with what was reported; the rest becomes a backorder."""
        good, scrapped = self._mfg_good(), self._mfg_scrapped()
        scraps = self._mfg_finished_scraps().filtered("mfg_booking")
        # An order that produced nothing cannot be closed in Odoo (it would take the planned
        # quantity): where all was scrapped, that is produced and then scrapped from stock.
        from_stock = self._mfg_scrap_booking() == "at_close" or self.product_uom_id.is_zero(good)
        produced = good + scrapped if from_stock else good
        if self.product_uom_id.is_zero(produced):
            raise BusinessReject(
                "wizard_required",
                self.env._(
                    "%s is reported as finished, but nothing was made. Cancel the order in Odoo, "
                    "or report quantities.",
                    self.name,
                ),
                "/good_total",
            )
        self._mfg_check_lots(produced)
        if from_stock:
            self._mfg_prepare_scraps(scraps)
        for workorder in self._mfg_open_workorders():
            if self.product_uom_id.compare(workorder.qty_produced, good) < 0:
                workorder.qty_produced = self.product_uom_id.round(good)
            self._mfg_finish_workorder(workorder, progress, consumption)
        self.qty_producing = self.product_uom_id.round(produced)
        self._set_qty_producing(False)  # by-products
        if consumption:
            self._mfg_consume(self._mfg_open_raw_moves(), consumption)
        else:
            self._mfg_consume_by_bom(self._mfg_open_raw_moves(), self._mfg_pieces(good))
        warnings = self._mfg_mark_done(progress)
        if from_stock:
            scraps._mfg_take_from_stock()
        return warnings

    def _mfg_check_lots(self, produced):
        if self.product_tracking == "none":
            return
        lots = self.lot_producing_ids
        if not lots:
            raise BusinessReject(
                "lot_required",
                self.env._(
                    "%s is tracked: report its lot or serials.", self.product_id.display_name
                ),
                "/serials" if self.product_tracking == "serial" else "/lot",
            )
        if self.product_tracking == "serial" and len(lots) != produced:
            raise BusinessReject(
                "lot_required",
                self.env._(
                    "%(count)s serial numbers for %(pieces)s pieces.",
                    count=len(lots),
                    pieces=produced,
                ),
                "/serials",
            )

    def _mfg_prepare_scraps(self, scraps):
        """Scrapped pieces that are produced first are of the order's lot, or have their serial."""
        scraps.mfg_booking = "at_close"
        if self.product_tracking == "lot":
            scraps.lot_id = self.lot_producing_ids
        elif self.product_tracking == "serial":
            for scrap in scraps:
                if scrap.lot_id not in self.lot_producing_ids or scrap.scrap_qty != 1:
                    raise BusinessReject(
                        "lot_required",
                        self.env._(
                            "Scrapped pieces of %s enter the stock first: report each in a line of "
                            "its own, with its serial number, which is also among the serials.",
                            self.product_id.display_name,
                        ),
                        "/scrap",
                    )

    def _mfg_mark_done(self, progress):
        posted_at = None
        if progress.ended_at:
            posted_at = self.company_id._mfg_posting_date(progress.ended_at)
        moves = self._mfg_open_raw_moves() | self.move_finished_ids.filtered(
            lambda move: move.state not in ("done", "cancel")
        )
        context = {
            "skip_backorder": True,
            "skip_redirection": True,
            CONTEXT_KEY: Reported(ended_at=posted_at),
        }
        if self.picking_type_id.create_backorder != "never" and self._get_quantity_to_backorder():
            context["mo_ids_to_backorder"] = self.ids
        warnings = []
        deviations = self._get_consumption_issues()
        if deviations and self.consumption == "warning":
            # "Allowed with warning": what the dialog asks, the chatter and the answer tell.
            context["skip_consumption"] = True
            warnings.append(self._mfg_deviation_text(deviations))
            self._message_log(body=warnings[0])
        elif deviations:
            raise BusinessReject(
                "wizard_required", self._mfg_deviation_text(deviations), "/consumption"
            )
        # sudo: where accounting is installed, Odoo renames the analytic lines of an order that gets
        # a backorder, and production users may not read those. The acting user stays the same.
        result = self.sudo().with_context(**context).button_mark_done()
        # A dictionary is Odoo asking back, unless it only wants something printed.
        if self.state != "done":
            asked = (
                result.get("name") or result.get("res_model") if isinstance(result, dict) else ""
            )
            raise BusinessReject(
                "wizard_required",
                self.env._("Odoo does not close %(order)s: %(question)s", order=self.name,
                           question=asked or self.env._("no reason given")),
            )  # fmt: skip
        if posted_at:
            done = moves.filtered(lambda move: move.state == "done")
            done.date = posted_at
            done.move_line_ids.date = posted_at
            progress.posted_at = posted_at
        return warnings

    def _mfg_deviation_text(self, deviations):
        return self.env._(
            "Consumption differs from the bill of materials: %s.",
            "; ".join(
                self.env._(
                    "%(product)s %(consumed)s instead of %(expected)s %(uom)s",
                    product=product.display_name,
                    consumed=product.uom_id.round(consumed),
                    expected=product.uom_id.round(expected),
                    uom=product.uom_id.name,
                )
                for _order, product, consumed, expected in deviations
            ),
        )
