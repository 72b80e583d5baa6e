from odoo import api, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from .mfg_audit_entry import PERSONAL


class MfgAuditEntry(models.Model):
    """Erasing who and why from entries, so that the evidence stays whole.

    A seal covers commitments to the personal columns, not the columns: without the salt, which
    goes with them, nobody can tell what stood there, and the seal still holds.
    """

    _inherit = "mfg.audit.entry"

    @api.model
    def _erase(self, login, before, reason):
        """Erase the personal columns of a person's entries; how many entries.

        :param before: only what was recorded before (naive UTC datetime)
        :param reason: why, for the entry that tells of it
        :raises ValidationError: some of them are not sealed yet
        """
        self.env.cr.execute(
            SQL(
                "SELECT e.id, m.entry_id IS NOT NULL FROM mfg_audit_entry e"
                "  LEFT JOIN mfg_audit_member m ON m.entry_id = e.id"
                " WHERE e.user_login = %s AND e.recorded_at < %s AND e.act != 'erase'"
                " ORDER BY e.id FOR UPDATE OF e",
                login,
                before,
            )
        )
        rows = self.env.cr.fetchall()
        if not all(sealed for _id, sealed in rows):
            raise ValidationError(
                self.env._("Some of these entries are not sealed yet: try again in a minute.")
            )
        ids = [row[0] for row in rows]
        if not ids:
            return 0
        self.env.cr.execute(
            SQL(
                "UPDATE mfg_audit_entry SET %s WHERE id = ANY(%s)",
                SQL(", ").join(SQL("%s = NULL", SQL.identifier(name)) for name in PERSONAL),
                ids,
            )
        )
        self.env.cr.execute(
            SQL("UPDATE mfg_audit_member SET salt = NULL WHERE entry_id = ANY(%s)", ids)
        )
        self.invalidate_model()
        self._record("erase", self.browse(ids), reason)
        return len(ids)
