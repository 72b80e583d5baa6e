import json
import logging

from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from ..exceptions import StateWriteRefused

_logger = logging.getLogger(__name__)

OPEN_FIELDS = frozenset({"reason", "effective_at", "decision_note"})
"""What people write; everything else follows from the buttons."""

RETIRED = {"state": "retired"}
"""The values of a change that cannot be taken back."""

ACTS = {
    "submit": (("draft",), "submitted"),
    "approve": (("submitted", "emergency"), "approved"),
    "reject": (("submitted", "emergency"), "rejected"),
    "withdraw": (("draft", "submitted"), "withdrawn"),
    "emergency": (("draft", "submitted"), "emergency"),
}


class MfgChangeRequest(models.Model):
    """A change of a regulated connector, or of what belongs to it, until somebody else approves it.

    Made by whoever tries to make the change, see ``mfg.controlled.mixin``. Applied with the rights
    of the system, at the chosen time; refused if what is to be changed has changed meanwhile.
    """

    _name = "mfg.change.request"
    _description = "Change of a regulated connector"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "id desc"

    name = fields.Char(required=True, readonly=True)
    connector_id = fields.Many2one(
        "mfg.connector", required=True, readonly=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="connector_id.company_id", store=True)
    operation = fields.Selection(
        [("write", "Change"), ("create", "Add"), ("unlink", "Delete")], required=True, readonly=True
    )
    model = fields.Char(required=True, readonly=True)
    res_id = fields.Many2oneReference(model_field="model", readonly=True)
    values = fields.Text(readonly=True, help="New values, as JSON.")
    before = fields.Text(readonly=True, help="Values when it was asked for, as JSON.")
    line_ids = fields.One2many("mfg.change.line", "request_id", readonly=True)
    reason = fields.Text(tracking=True)
    effective_at = fields.Datetime(
        string="Takes effect", tracking=True, help="Empty: as soon as it is approved."
    )
    state = fields.Selection(
        [
            ("draft", "Draft"),
            ("submitted", "To approve"),
            ("approved", "Approved"),
            ("emergency", "Applied, to approve"),
            ("applied", "Applied"),
            ("rejected", "Rejected"),
            ("withdrawn", "Withdrawn"),
        ],
        required=True,
        default="draft",
        readonly=True,
        tracking=True,
    )
    requested_by = fields.Many2one("res.users", string="Asked for by", required=True, readonly=True)
    decided_by = fields.Many2one("res.users", readonly=True)
    decided_at = fields.Datetime(readonly=True)
    decision_note = fields.Text(help="Why it was approved or rejected.")
    applied_at = fields.Datetime(readonly=True)
    rollback_of_id = fields.Many2one("mfg.change.request", readonly=True, ondelete="set null")

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su:
            raise StateWriteRefused(
                self.env._("Make the change itself: it is put down as a request.")
            )
        return super().create(vals_list)

    def write(self, vals):
        if not self.env.su:
            if vals.keys() - OPEN_FIELDS - {"message_follower_ids", "activity_ids"}:
                raise StateWriteRefused(self.env._("What a request is follows from its buttons."))
            if vals.keys() & {"reason", "effective_at"} and any(
                request.state != "draft" or request.requested_by != self.env.user
                for request in self
            ):
                raise AccessError(
                    self.env._("Only who asked for a change, and before it is submitted, edits it.")
                )
            if "decision_note" in vals and any(
                request.state not in ("submitted", "emergency")
                or request.requested_by == self.env.user
                or not self.env.user.has_group("mfg_integration_base.group_approver")
                for request in self
            ):
                raise AccessError(
                    self.env._(
                        "Only approvers say why, while they decide on somebody else's change."
                    )
                )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_refused(self):
        raise StateWriteRefused(self.env._("Requests are evidence and are kept."))

    # === What people do === #

    def action_submit(self):
        """Ask for approval."""
        for request in self:
            request._act("submit")
            request._notify_approvers()

    def action_withdraw(self):
        for request in self:
            request._check_mine()
            request._act("withdraw")

    def action_approve(self):
        """Let it happen, now or when it is to take effect; not by who asked for it."""
        for request in self:
            was_applied = request.state == "emergency"
            request._check_may_decide()
            request._act("approve")
            if was_applied:
                request.sudo().state = "applied"
            elif not request.effective_at or request.effective_at <= fields.Datetime.now():
                request._apply()

    def action_reject(self):
        """Refuse it; what was applied in an emergency is taken back."""
        for request in self:
            was_applied = request.state == "emergency"
            request._check_may_decide()
            if not (request.decision_note or "").strip():
                raise ValidationError(self.env._("Say why it is rejected."))
            request._act("reject")
            if was_applied:
                request._take_back()

    def action_emergency(self):
        """Apply it at once; somebody else approves it afterwards, or it is taken back."""
        for request in self:
            request._check_mine()
            request._act("emergency")
            request._apply(state="emergency")
            request._notify_approvers()

    def action_roll_back(self):
        """Ask for the values from before this change."""
        self.ensure_one()
        self.check_access("read")
        self._check_manager()
        if self.state != "applied" or self.operation != "write":
            raise ValidationError(
                self.env._("Only a change of values that was applied can be rolled back.")
            )
        if self._is_for_good():
            raise ValidationError(
                self.env._(
                    "What was retired stays so: what waited for it was cancelled. Make a new one."
                )
            )
        record = self._record()
        request = record._mfg_request(
            "write",
            json.loads(self.before),
            connector=self.connector_id,
            rollback_of=self,
            user=self.env.user,
        )
        return request._form()

    def _act(self, act):
        self.check_access("read")
        states, state = ACTS[act]
        if self.state not in states:
            labels = dict(self._fields["state"]._description_selection(self.env))
            raise ValidationError(
                self.env._("%(name)s is: %(state)s.", name=self.name, state=labels[self.state])
            )
        if act in ("submit", "emergency"):
            self._check_manager()
            if not (self.reason or "").strip():
                raise ValidationError(self.env._("Say why the change is needed."))
        before = self.state
        values = {"state": state}
        if act in ("approve", "reject"):
            values |= {"decided_by": self.env.uid, "decided_at": fields.Datetime.now()}
        # sudo: the state is nobody's to write but the buttons'.
        self.sudo().write(values)
        self.env["mfg.audit.entry"]._record(
            act if act in ("approve", "reject", "emergency") else "change",
            self,
            self.decision_note if act in ("approve", "reject") else self.reason,
            before=before,
            after=f"{state}: {self._summary()}",
        )

    def _check_manager(self):
        if not self.env.user.has_group("mfg_integration_base.group_manager"):
            raise AccessError(self.env._("Only integration managers ask for changes."))

    def _check_mine(self):
        if self.requested_by != self.env.user:
            raise AccessError(self.env._("%s was asked for by somebody else.", self.name))

    def _check_may_decide(self):
        if not self.env.user.has_group("mfg_integration_base.group_approver"):
            raise AccessError(self.env._("Only approvers decide on changes."))
        if self.requested_by == self.env.user:
            raise AccessError(self.env._("Nobody decides on a change of their own."))

    # === What happens then === #

    @api.model
    def _cron_apply(self):
        """Entry point of the scheduled action: apply what was approved for now."""
        due = self.search([("state", "=", "approved"), ("effective_at", "<=", "now")], order="id")
        for request in due:
            try:
                with self.env.cr.savepoint():
                    request._apply()
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                raise  # the whole run is tried again
            except Exception as error:
                # One that cannot be applied must not stop the others.
                _logger.exception("Change request %s could not be applied", request.id)
                self.env.invalidate_all()
                request.sudo().write({"state": "submitted"})
                request.message_post(body=self.env._("It could not be applied: %s", error))

    def _apply(self, state="applied"):
        """Make the change, with the rights of the system."""
        self.ensure_one()
        values = json.loads(self.values or "{}")
        model = self.env[self.model].sudo()
        if self.operation == "create":
            record = model.create(values)
        else:
            record = self._record().sudo()
            current = record._mfg_controlled_values(json.loads(self.before or "{}"))
            if current != json.loads(self.before or "{}"):
                raise ValidationError(
                    self.env._(
                        "What %s is about has changed since it was asked for: make the change "
                        "anew.",
                        self.name,
                    )
                )
            if self.operation == "write":
                record._mfg_apply(values)
            else:
                record.unlink()
        self.sudo().write(
            {"state": state, "applied_at": fields.Datetime.now()}
            | ({"res_id": record.id} if self.operation == "create" else {})
        )
        self.env["mfg.audit.entry"]._record(
            "apply", self, self.reason, before=self.before, after=self.values
        )

    def _take_back(self):
        """Put the values back that an emergency has changed, unless somebody has been there."""
        after, before = json.loads(self.values), json.loads(self.before or "{}")
        record = self.env[self.model].sudo().browse(self.res_id).exists()
        unchanged = record and record._mfg_controlled_values(after) == after
        if self.operation == "write" and unchanged and not self._is_for_good():
            record.write(before)
            return
        # sudo: whoever rejects need not be allowed to give others something to do.
        self.sudo().activity_schedule(
            "mail.mail_activity_data_todo",
            summary=self.env._("Take it back by hand: %s", self.name),
            note=self.env._(
                "The change was rejected after it was applied. It added or deleted something, or "
                "was followed by another change: nothing was taken back by itself."
            ),
            user_id=self.requested_by.id,
        )

    def _is_for_good(self):
        return json.loads(self.values or "{}") == RETIRED

    def _record(self):
        record = self.env[self.model].browse(self.res_id).exists()
        if not record:
            raise ValidationError(self.env._("What %s is about was deleted.", self.name))
        return record

    def _summary(self):
        return "; ".join(
            f"{line.label}: {line.before or '-'} → {line.after or '-'}" for line in self.line_ids
        )

    def _notify_approvers(self):
        approvers = self.env.ref("mfg_integration_base.group_approver").all_user_ids
        allowed = approvers.filtered(
            lambda user: user.active and user != self.requested_by
            and self.company_id in user.company_ids
        )  # fmt: skip
        for user in allowed:
            # sudo: who asks need not be allowed to give others something to do.
            self.sudo().activity_schedule(
                "mail.mail_activity_data_todo",
                summary=self.env._("Approve or reject: %s", self.name),
                user_id=user.id,
            )

    def _form(self):
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": self.id,
            "views": [(False, "form")],
        }


class MfgChangeLine(models.Model):
    """One field of a change, in words."""

    _name = "mfg.change.line"
    _description = "Line of a change"
    _log_access = False

    request_id = fields.Many2one(
        "mfg.change.request", required=True, ondelete="cascade", index=True, readonly=True
    )
    label = fields.Char(string="Field", required=True, readonly=True)
    before = fields.Text(readonly=True)
    after = fields.Text(readonly=True)
