"""What people do with a replay: dry run, start, pause, resume, cancel; and where they begin one."""

from odoo import models
from odoo.exceptions import ValidationError

from ..exceptions import ConfigurationError, StateWriteRefused
from ..tools.lifecycle import FINAL, State, Verb, next_state

ACTS = {"pause": ("running",), "resume": ("paused",), "cancel": ("running", "paused")}
"""What is done with a reason, and in which states."""


class MfgReplay(models.Model):
    _inherit = "mfg.replay"

    def action_check(self):
        """Dry run: count what would be sent; sends nothing."""
        for replay in self:
            replay._check_may(("draft", "checked"))
            counts = self.env["mfg.message.queue"]._replay_dry_run(replay)
            replay._write_verb({**counts, "state": "checked"})

    def action_start(self):
        """Begin to feed what the dry run has counted, and what has become due since."""
        for replay in self:
            replay._check_may(("checked",))
            if not (replay.reason or "").strip():
                raise ValidationError(self.env._("Say why the events are replayed."))
            replay._check_target_ready()
            counts = self.env["mfg.message.queue"]._replay_dry_run(replay)
            subscription = replay._create_subscription()
            replay._write_verb(
                {
                    **counts,
                    "state": "running",
                    "subscription_id": subscription.id,
                    "started_at": counts["checked_at"],
                }
            )
            replay._tell("replay", "checked", replay.reason.strip())
        self._trigger_feeder()

    def action_pause(self):
        """Ask for the reason, then stop feeding and sending (wizard ``mfg.replay.act``)."""
        return self._ask("pause", self.env._("Pause the replay"))

    def action_resume(self):
        """Ask for the reason, then go on where it stopped."""
        return self._ask("resume", self.env._("Resume the replay"))

    def action_cancel(self):
        """Ask for the reason, then cancel what has not been sent."""
        return self._ask("cancel", self.env._("Cancel the replay"))

    def _ask(self, act, title):
        self.ensure_one()
        self._check_may(ACTS[act])
        return {
            "type": "ir.actions.act_window",
            "name": title,
            "res_model": "mfg.replay.act",
            "view_mode": "form",
            "target": "new",
            "context": {"default_replay_id": self.id, "default_act": act},
        }

    def _act(self, act, reason):
        """Pause, resume or cancel."""
        self.ensure_one()
        self._check_may(ACTS[act])
        before = self.state
        # sudo: the hidden subscription is the replay's own, whoever may not configure others.
        subscription = self.subscription_id.sudo()
        if act == "pause":
            subscription.state = "paused"
            self._write_verb({"state": "paused"})
        elif act == "resume":
            self._check_target_ready()
            subscription.state = "active"
            self._write_verb({"state": "running", "problem": False})
        else:
            note = f"{self.env.user.display_name}: {reason}"
            # Nothing more is claimed; what is on its way ends by itself. The feeder cancels the
            # rest: here it would meet the runners at each key.
            subscription.state = "paused"
            self._write_verb({"state": "cancelled", "problem": note})
        self._tell(act, before, reason)
        self._trigger_feeder()

    def _cancel_rest(self, note):
        """Cancel what of this replay is neither finished nor on its way; whether any is left."""
        # sudo: the replay's own messages
        unfinished = (
            self.env["mfg.outbox.message"]
            .sudo()
            .search([("replay_id", "=", self.id), ("state", "not in", list(FINAL))])
        )
        self.env["mfg.message.queue"]._cancel(
            unfinished.filtered(lambda message: message.state != State.RUNNING), note
        )
        return any(message.state not in FINAL for message in unfinished)

    def _tell(self, act, before, reason):
        self.env["mfg.audit.entry"]._record(
            act, self, reason, before=before, after=self._audit_after()
        )

    def _audit_after(self):
        return (
            f"{self.state}: {self.planned_count} events to {self.target_id.display_name},"
            f" {self.fed_count} fed"
        )

    def _check_may(self, states):
        self.check_access("write")
        if self.state not in states:
            labels = dict(self._fields["state"]._description_selection(self.env))
            raise ValidationError(
                self.env._(
                    "Replay %(name)s is %(state)s.", name=self.name, state=labels[self.state]
                )
            )

    def _check_target_ready(self):
        target = self.target_id.sudo().exists()  # sudo: whether it is there, nothing else
        if not target or target.state == "retired":
            raise ConfigurationError(self.env._("The subscription was retired or deleted."))
        if target.state == "paused":
            raise ConfigurationError(
                self.env._("Subscription %s is paused: resume it first.", target.name)
            )
        if target.connector_id.state not in ("active", "paused"):
            raise ConfigurationError(
                self.env._("Connector %s is not active.", target.connector_id.name)
            )

    def _create_subscription(self):
        """The hidden subscription: the target's settings, no event types, lane bulk."""
        lane = self.env.ref("mfg_integration_base.lane_bulk", raise_if_not_found=False)
        if not lane:
            raise ConfigurationError(self.env._("The lane “bulk” was deleted: replays run in it."))
        # sudo: operators replay, though they may not configure subscriptions. Nothing of it is
        # theirs to choose.
        return (
            self.target_id.sudo()
            .with_context(mail_create_nosubscribe=True)
            .copy(
                {
                    "name": self.name,
                    "event_type_ids": [(5, 0, 0)],
                    "lane_id": lane.id,
                    "state": "active",
                    "replay_id": self.id,
                }
            )
        )

    def _trigger_feeder(self):
        # sudo: a scheduled action is nobody's to edit who replays.
        self.env.ref("mfg_integration_base.cron_replay").sudo()._trigger()


class MfgEvent(models.Model):
    _inherit = "mfg.event"

    def action_replay(self):
        """Open a replay of these events."""
        self.check_access("read")
        sent = self.outbox_message_ids.subscription_id.exists()
        targets = sent.filtered(lambda s: not s.replay_id and s.state != "retired")
        return _draft(self, targets)


class MfgOutboxMessage(models.Model):
    _inherit = "mfg.outbox.message"

    def action_replay(self):
        """Open a replay of what these messages delivered; each stays as it is."""
        self._check_operator()
        for message in self:
            try:
                next_state(message.state, Verb.REPLAY)
            except ValueError as error:
                raise StateWriteRefused(
                    self.env._("Message %(uuid)s: %(error)s", uuid=message.uuid, error=error)
                ) from error
        sent = self.subscription_id.exists()
        targets = sent.filtered(lambda s: not s.replay_id) | sent.replay_id.exists().target_id
        if len(targets) > 1:
            raise ValidationError(
                self.env._(
                    "These messages went to several subscriptions (%s). Choose those of one.",
                    ", ".join(targets.mapped("name")),
                )
            )
        return _draft(self.event_id.exists(), targets)


class MfgSubscription(models.Model):
    _inherit = "mfg.subscription"

    def action_backfill(self):
        """Open a replay of all earlier events that this subscription takes."""
        self.ensure_one()
        return _form(
            self.env,
            {
                "default_name": self.env._("Back-fill of %s", self.name),
                "default_target_id": self.id,
            },
        )


def _draft(events, targets):
    return _form(
        events.env,
        {
            "default_event_uuids": "\n".join(events.sorted("id").mapped("uuid")),
            "default_target_id": targets.id if len(targets) == 1 else False,
            "default_skip_acknowledged": False,  # who chooses an event means it
        },
    )


def _form(env, defaults):
    return {
        "type": "ir.actions.act_window",
        "name": env._("Replay"),
        "res_model": "mfg.replay",
        "views": [(False, "form")],
        "context": defaults,
    }
