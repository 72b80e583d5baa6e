from odoo import fields, models

from ..fields import PlainMany2one


class MfgQueueKey(models.AbstractModel):
    """The unit of claim: one row per (owner, ordering key) that has unfinished messages.

    Only the dispatchers touch these rows. ``due_at`` is the one clock of a key: when it may be
    claimed next; while it is claimed, when its lease ends. Empty = parked behind a dead message.
    The claims stay flat because a hot key is one row and a parked key leaves the partial index.
    """

    _name = "mfg.queue.key"
    _description = "Ordering key with waiting messages"

    owner_id = fields.Integer(required=True, readonly=True)
    ordering_key = fields.Char(required=True, readonly=True)
    lane_id = PlainMany2one("mfg.lane", required=True, readonly=True)
    waiting = fields.Integer(required=True, readonly=True)
    due_at = fields.Datetime(readonly=True)
    claim_no = fields.Integer(required=True, readonly=True, default=0)
    worker = fields.Char(readonly=True)

    _owner_key_uniq = models.Constraint("UNIQUE (owner_id, ordering_key)", "One row per key.")
    _due_idx = models.Index("(owner_id, due_at, id) WHERE due_at IS NOT NULL")


class MfgOutboxKey(models.Model):
    _name = "mfg.outbox.key"
    _description = "Outbox ordering key (owner: subscription)"
    _inherit = ["mfg.queue.key"]
    _log_access = False  # not inherited from an abstract model


class MfgInboxKey(models.Model):
    _name = "mfg.inbox.key"
    _description = "Inbox ordering key (owner: route)"
    _inherit = ["mfg.queue.key"]
    _log_access = False  # not inherited from an abstract model
