import secrets
import time
from dataclasses import dataclass
from math import fsum

from odoo import models
from odoo.addons.mfg_integration_base.tools.uuid7 import uuid7
from odoo.exceptions import AccessError, UserError
from odoo.tools import split_every

from . import mfg_snapshot_payload as payload
from .mfg_production_payload import CANCELLED, COMPLETED, cancelled, completed

BATCH = 500
"""Orders a statement; a plant has thousands of them open."""

OPEN = ("confirmed", "progress", "to_close")


@dataclass(frozen=True, slots=True)
class SnapshotFor:
    """Whom a snapshot goes to. Travels in the context; what comes through RPC is never one."""

    connector_id: int

    @staticmethod
    def excludes(env, spec):
        target = env.context.get("mfg_snapshot_for")
        return isinstance(target, SnapshotFor) and spec.connector_id != target.connector_id


class MfgConnector(models.Model):
    """All open orders at once, for a partner that begins or that has lost its way."""

    _inherit = "mfg.connector"

    def _mfg_matches(self, spec, cause):
        return not SnapshotFor.excludes(self.env, spec) and super()._mfg_matches(spec, cause)

    def action_mfg_order_snapshot(self):
        """Put the open orders on the way to this connector, then open its messages."""
        self.ensure_one()
        self._check_may_test(("active", "paused"))
        snapshot = self._mfg_order_snapshot()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Snapshot %s", snapshot),
            "res_model": "mfg.outbox.message",
            "view_mode": "list,form",
            "domain": [
                ("connector_id", "=", self.id),
                ("event_type", "in", [payload.SNAPSHOT, payload.SNAPSHOT_COMPLETED]),
            ],
        }

    def _mfg_order_snapshot(self):
        """One event for each open order of the company, and one that says how many they were.

        An order's snapshot has the order's key: it goes out behind what was told of that order
        before, and ahead of what happens next. The last event has a key of its own and may
        overtake them; its count and totals say when all are there.

        :return: the snapshot's UUID, which all its events carry
        :raises UserError: no subscription of the connector asks for snapshots
        """
        self.ensure_one()
        self._mfg_check_snapshot_subscription()
        # sudo: what a connector is told does not depend on who presses the button.
        orders = (
            self.env["mrp.production"]
            .sudo()
            .search(
                [
                    ("company_id", "=", self.company_id.id),
                    ("state", "in", OPEN),
                    ("mfg_released_at", "!=", False),
                ],
                order="id",
            )
        )
        now_ms = time.time_ns() // 1_000_000
        snapshot = str(uuid7(unix_ms=now_ms, rand=secrets.token_bytes(10)))
        target = SnapshotFor(self.id)
        for ids in split_every(BATCH, orders.ids):
            orders.browse(ids).with_context(mfg_snapshot_for=target)._mfg_emit(
                payload.SNAPSHOT, lambda order: payload.snapshot(order, snapshot)
            )
        self.with_context(mfg_snapshot_for=target)._mfg_emit(
            payload.SNAPSHOT_COMPLETED,
            {
                "snapshot": snapshot,
                "orders": len(orders),
                "quantity_total": round(fsum(orders.mapped("product_qty")), 6),
                "good_total": round(fsum(orders.mapped("qty_produced")), 6),
            },
        )
        return snapshot

    def _mfg_check_snapshot_subscription(self):
        for code in (payload.SNAPSHOT, payload.SNAPSHOT_COMPLETED):
            event_type_id, _keep = self.env["mfg.event.type"]._lookup(code)
            specs = self.env["mfg.subscription"]._matching(event_type_id, self.company_id.id)
            if not any(spec.connector_id == self.id for spec in specs):
                raise UserError(
                    self.env._(
                        "No subscription of %(connector)s asks for %(type)s. Add it first, best "
                        "to one in the bulk lane.",
                        connector=self.name,
                        type=code,
                    )
                )


class MrpProduction(models.Model):
    """Telling orders once more, as they are."""

    _inherit = "mrp.production"

    def action_mfg_send_again(self):
        """Tell all partners that ask for it of these orders, then say how many messages that is."""
        if not self.env.user.has_group("mfg_integration_base.group_operator"):
            raise AccessError(self.env._("Only operators of the integration send orders again."))
        self.check_access("read")
        told = self.filtered("mfg_released_at")._mfg_tell_as_it_is()
        if not told:
            raise UserError(
                self.env._(
                    "Nobody is told: no subscription asks for %s, or the order is not released.",
                    ", ".join((payload.SNAPSHOT, COMPLETED, CANCELLED)),
                )
            )
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._("%s events are on their way.", told),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    def _mfg_tell_as_it_is(self, connector=None):
        """Tell of the orders again: open ones by a snapshot, others by how they ended.

        :param connector: tell this one only; it is told whatever it said itself
        :return: number of events
        """
        # sudo: what a partner is told does not depend on who presses the button.
        orders = self.sudo()
        if connector:
            orders = orders.with_context(mfg_snapshot_for=SnapshotFor(connector.id))
        now_ms = time.time_ns() // 1_000_000
        snapshot = str(uuid7(unix_ms=now_ms, rand=secrets.token_bytes(10)))
        events = []
        for state, of_state in orders.grouped("state").items():
            if state == "done":
                events += of_state._mfg_emit(COMPLETED, completed)
            elif state == "cancel":
                events += of_state._mfg_emit(CANCELLED, cancelled)
            else:
                events += of_state._mfg_emit(
                    payload.SNAPSHOT, lambda order: payload.snapshot(order, snapshot)
                )
        return len(events)

    def _mfg_matches(self, spec, cause):
        return not SnapshotFor.excludes(self.env, spec) and super()._mfg_matches(spec, cause)
