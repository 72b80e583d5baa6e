import logging
import secrets
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError

from ..exceptions import ConfigurationError
from ..tools.secretbox import SecretBoxError, decrypt, encrypt, key_of, needs_rotation

_logger = logging.getLogger(__name__)

WARN_DAYS = 30
"""How long before a credential ends its connector's owner is told, in days."""


class MfgCredential(models.Model):
    """Changing secrets without a gap: successors, new encryption keys, warnings before the end."""

    _inherit = "mfg.credential"

    key_name = fields.Char(
        string="Encrypted with",
        compute="_compute_key_name",
        groups="mfg_integration_base.group_manager",
        help="Name of the key outside the database. An old key may go once nothing names it.",
    )
    # So that a person is told once of each end.
    warned_of = fields.Datetime(readonly=True, copy=False)

    @api.depends("cipher")
    def _compute_key_name(self):
        # sudo: which key it is tells nothing about the secret.
        for credential in self:
            credential.key_name = key_of(credential.sudo().cipher or "")

    # === Successor === #

    def action_rotate(self):
        """Ask how long the present secret goes on, then make its successor."""
        self.ensure_one()
        self._check_manager()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Replace the secret"),
            "res_model": "mfg.credential.rotate",
            "view_mode": "form",
            "target": "new",
            "context": {"default_credential_id": self.id},
        }

    def _rotate(self, overlap):
        """The successor, empty yet; this one ends after ``overlap``, or as planned if earlier.

        :param overlap: timedelta
        """
        self.ensure_one()
        self._check_manager()
        now = fields.Datetime.now()
        ends = now + overlap
        self.valid_until = min(self.valid_until or ends, ends)
        successor = self.copy({"valid_from": now, "valid_until": False})
        self.connector_id.message_post(
            body=self.env._(
                "Credential %(name)s has a successor; the present secret goes on until %(until)s "
                "UTC.",
                name=self.name,
                until=self.valid_until,
            )
        )
        return successor

    def _check_manager(self):
        if not self.env.user.has_group("mfg_integration_base.group_manager"):
            raise AccessError(self.env._("Only integration managers make secrets."))
        self.check_access("write")

    # === Keys outside the database === #

    def action_reencrypt(self):
        """Encrypt with the current key what is encrypted with an older one."""
        self._check_manager()
        changed = self._reencrypt()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._("%s secrets were encrypted with the current key.", changed),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    @api.autovacuum
    def _reencrypt_all(self):
        try:
            self.with_context(active_test=False).search([("cipher", "!=", False)])._reencrypt()
        except ConfigurationError as error:
            _logger.warning("Nothing was encrypted anew: %s", error)

    def _reencrypt(self):
        """Number of those that were encrypted anew; one that does not open stays as it is."""
        ring = self._key_ring()
        changed = 0
        # sudo: the cipher column is closed to everybody but the system.
        for credential in self.sudo():
            try:
                if not credential.cipher or not needs_rotation(ring, credential.cipher):
                    continue
                # A person may be storing another secret at this moment: theirs stays.
                if not credential.try_lock_for_update():
                    continue
                plain = decrypt(ring, credential.cipher, credential._aad())
            except SecretBoxError as error:
                _logger.error("Credential %s cannot be encrypted anew: %s", credential.id, error)
                continue
            credential.cipher = encrypt(ring, plain, credential._aad(), secrets.token_bytes(12))
            changed += 1
        return changed

    # === Before the end === #

    @api.model
    def _cron_warn(self):
        """Entry point of the daily action: tell the owners which credentials end soon."""
        now = fields.Datetime.now()
        ending = self.search(
            [
                ("connector_id.state", "in", ("active", "paused")),
                ("valid_until", ">", now),
                ("valid_until", "<=", now + timedelta(days=WARN_DAYS)),
            ]
        ).filtered(lambda c: c.warned_of != c.valid_until and not c._has_successor())
        for credential in ending:
            credential._warn()

    def _has_successor(self):
        """Whether another one does this one's work when it has ended."""
        self.ensure_one()
        return any(
            other.has_secret
            and other.active
            and other._purpose() == self._purpose()
            and other.direction in ("both", self.direction)
            and other.valid_from <= self.valid_until
            and (not other.valid_until or other.valid_until > self.valid_until)
            for other in self.connector_id.credential_ids - self
        )

    def _warn(self):
        connector = self.connector_id
        ends = fields.Date.to_date(self.valid_until)
        connector.activity_schedule(
            "mail.mail_activity_data_todo",
            date_deadline=max(fields.Date.today(), ends - timedelta(days=7)),
            summary=self.env._("Credential ends on %s", ends),
            note=self.env._(
                "“%(name)s” of %(connector)s ends on %(date)s, and nothing takes its place: make a "
                "successor with the button Replace, and give it to the partner in time.",
                name=self.name,
                connector=connector.name,
                date=ends,
            ),
            user_id=(connector.owner_id or connector.create_uid).id,
        )
        self.warned_of = self.valid_until

    # === Where it was used === #

    def action_open_attempts(self):
        """Open the attempts that were made with it."""
        return self._open_uses("mfg.attempt", self.env._("Sent with %s", self.name))

    def action_open_received(self):
        """Open the messages that were accepted because of it."""
        return self._open_uses("mfg.inbox.message", self.env._("Received with %s", self.name))

    def _open_uses(self, model, title):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": title,
            "res_model": model,
            "views": [(False, "list"), (False, "form")],
            "domain": [("credential_id", "=", self.id)],
        }
