from collections import defaultdict

from odoo import models
from odoo.addons.mfg_integration_base.exceptions import BusinessReject

from .reported import CONTEXT_KEY, Reported


class MrpProduction(models.Model):
    """The end of operations and orders: Odoo's own buttons, and nothing that they make up."""

    _inherit = "mrp.production"

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

    def _split_productions(self, amounts=False, cancel_remaining_qty=False, set_consumed_qty=False):
        # Odoo takes what an operation made beyond the order's good pieces for pieces that wait for
        # the next one, hands them to the backorder, and cancels its operations accordingly. What
        # was scrapped on a later operation does not wait anywhere: it is made anew from the start.
        lost = self._mfg_lost_later()
        for workorder, quantity in lost.items():
            workorder.qty_reported_from_previous_wo -= quantity
        result = super()._split_productions(
            amounts=amounts,
            cancel_remaining_qty=cancel_remaining_qty,
            set_consumed_qty=set_consumed_qty,
        )
        for workorder, quantity in lost.items():
            workorder.qty_reported_from_previous_wo += quantity
        return result

    def _mfg_lost_later(self):
        """``{operation: pieces that it made and that later ones lost in process}``."""
        lost = defaultdict(float)
        for order in self:
            scraps = order._mfg_finished_scraps().filtered(
                lambda scrap: scrap.workorder_id and scrap.mfg_booking == "in_process"
            )
            for workorder, of_workorder in scraps.grouped("workorder_id").items():
                quantity = sum(of_workorder.mapped("scrap_qty"))
                for before in workorder._mfg_before():
                    lost[before] += quantity
        return lost

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
        # The report that closes the order may be an early operation's that comes late.
        ends = self.mfg_progress_ids.filtered("ended_at").mapped("ended_at")
        if ends:
            posted_at = self.company_id._mfg_posting_date(max(ends))
        moves = self._mfg_open_raw_moves() | self.move_finished_ids.filtered(
            lambda move: move.state not in ("done", "cancel")
        )
        context = {
            "skip_backorder": True,
            "skip_redirection": True,
            CONTEXT_KEY: Reported(order_id=self.id, ended_at=posted_at),
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
