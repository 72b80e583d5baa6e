from odoo import api, fields, models
from odoo.tools import SQL

from ..exceptions import StateWriteRefused
from ..fields import PlainMany2one

CHAIN = "mfg.audit.entry"
"""Name of the chain, part of its first link."""

COLUMNS = ("recorded_at", "company_id", "act", "model", "res_id", "uuid")
"""What of an entry stays for ever."""

PERSONAL = ("user_id", "user_login", "name", "reason", "before", "after")
"""What may name people, and may be erased."""


class MfgAuditEntry(models.Model):
    """Who did what to a message or to the configuration, and why. Appended, never changed.

    Written in the transaction of the act itself: both stay, or neither. Names are copied, because
    people may delete what an entry is about, and who did it.
    """

    _name = "mfg.audit.entry"
    _description = "Integration audit entry"
    _inherit = ["mfg.record.link"]
    _order = "id desc"
    _rec_name = "name"
    _log_access = False

    recorded_at = fields.Datetime(string="Recorded", required=True, readonly=True)
    user_id = PlainMany2one("res.users", string="User", readonly=True)
    user_login = fields.Char(
        string="Login", readonly=True, help="Empty once the person was erased."
    )
    company_id = PlainMany2one("res.company", readonly=True)
    act = fields.Selection(
        [
            ("retry", "Retry"),
            ("cancel", "Cancel"),
            ("edit", "Edit and retry"),
            ("import", "Import"),
            ("export", "Export"),
            ("replay", "Replay"),
            ("pause", "Pause"),
            ("resume", "Resume"),
            ("reactivate", "Re-activate here"),
            ("first_use", "First use of the day"),
            ("erase", "Erase personal data"),
            ("change", "Ask for a change"),
            ("approve", "Approve a change"),
            ("reject", "Reject a change"),
            ("emergency", "Change in an emergency"),
            ("apply", "Apply a change"),
            ("decide", "Decide"),
        ],
        required=True,
        readonly=True,
    )
    model = fields.Char(required=True, readonly=True)
    res_id = fields.Many2oneReference(string="Record id", model_field="model", readonly=True)
    uuid = fields.Char(string="Id for partners", readonly=True)
    name = fields.Char(string="About", readonly=True, help="Its name when it was done.")
    reason = fields.Text(readonly=True)
    before = fields.Text(readonly=True)
    after = fields.Text(readonly=True)

    _record_idx = models.Index("(model, res_id, id)")

    def init(self):
        # Evidence: nobody changes it, whoever writes. The table itself may go with the module.
        self.env.cr.execute(
            """
            CREATE OR REPLACE FUNCTION mfg_audit_entry_freeze() RETURNS trigger
            LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION 'mfg_audit_entry: entries are only ever added'
                    USING ERRCODE = 'restrict_violation';
            END $$;
            CREATE OR REPLACE TRIGGER mfg_audit_entry_freeze
                BEFORE DELETE ON mfg_audit_entry
                FOR EACH ROW EXECUTE FUNCTION mfg_audit_entry_freeze();
            -- The one change that is right: an entry that is erased, see _erase().
            CREATE OR REPLACE FUNCTION mfg_audit_entry_erase() RETURNS trigger
            LANGUAGE plpgsql AS $$
            BEGIN
                IF NEW.user_id IS NULL AND NEW.user_login IS NULL AND NEW.name IS NULL
                   AND NEW.reason IS NULL AND NEW.before IS NULL AND NEW.after IS NULL
                   AND (NEW.id, NEW.recorded_at, NEW.company_id, NEW.act, NEW.model, NEW.res_id,
                        NEW.uuid) IS NOT DISTINCT FROM
                       (OLD.id, OLD.recorded_at, OLD.company_id, OLD.act, OLD.model, OLD.res_id,
                        OLD.uuid) THEN
                    RETURN NEW;
                END IF;
                RAISE EXCEPTION 'mfg_audit_entry: entries are only ever added'
                    USING ERRCODE = 'restrict_violation';
            END $$;
            CREATE OR REPLACE TRIGGER mfg_audit_entry_erase
                BEFORE UPDATE ON mfg_audit_entry
                FOR EACH ROW EXECUTE FUNCTION mfg_audit_entry_erase();
            CREATE OR REPLACE TRIGGER mfg_audit_entry_keep
                BEFORE TRUNCATE ON mfg_audit_entry
                FOR EACH STATEMENT EXECUTE FUNCTION mfg_audit_entry_freeze();
            """
        )

    @api.model
    def _record(self, act, records, reason="", before=None, after=None):
        """Add one entry per record, all in one statement, by the database's clock.

        Never give it a secret: what is written here stays.

        :param act: a value of ``act``
        :param before: what was; a text for all records, or ``{record id: text}``
        :param after: the same for what is now
        :raises ValueError: the act is not known
        """
        if act not in dict(self._fields["act"].selection):
            raise ValueError(f"{act!r} is not an act of the audit trail")
        if not records:
            return
        rows = [record._mfg_audit_snapshot() for record in records.sudo()]  # sudo: only copied here
        # unnest takes one array per column; with ordinality, so that ids follow the records' order
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO mfg_audit_entry
                       (recorded_at, user_id, user_login, act, model, reason,
                        res_id, uuid, name, company_id, before, after)
                SELECT clock_timestamp() AT TIME ZONE 'UTC', %s, %s, %s, %s, %s,
                       r.res_id, r.uuid, r.name, r.company_id, r.before, r.after
                  FROM unnest(%s::int[], %s::text[], %s::text[], %s::int[], %s::text[], %s::text[])
                       WITH ORDINALITY AS r(res_id, uuid, name, company_id, before, after, n)
                 ORDER BY r.n
                """,
                self.env.uid, self.env.user.sudo().login, act, records._name, reason or None,
                records.ids,
                [row["uuid"] for row in rows],
                [row["name"] for row in rows],
                [row["company_id"] for row in rows],
                [_text_of(before, record_id) for record_id in records.ids],
                [_text_of(after, record_id) for record_id in records.ids],
            )
        )  # fmt: skip
        self.invalidate_model()

    @api.model_create_multi
    def create(self, vals_list):  # pylint: disable=method-required-super  # refused
        raise StateWriteRefused(self.env._("Audit entries are written by what they tell of only."))

    def write(self, vals):  # pylint: disable=method-required-super  # refused
        raise StateWriteRefused(self.env._("An audit entry is evidence and cannot be changed."))

    @api.ondelete(at_uninstall=False)
    def _unlink_refused(self):
        raise StateWriteRefused(self.env._("An audit entry is evidence and cannot be deleted."))


def _text_of(value, record_id):
    return value.get(record_id) if isinstance(value, dict) else value


class Base(models.AbstractModel):
    _inherit = "base"

    def _mfg_audit_snapshot(self):
        """What an audit entry keeps of a record: ``uuid``, ``name``, ``company_id``."""
        uuid = next((self[name] for name in ("uuid", "mfg_uuid") if name in self._fields), None)
        company = self["company_id"] if "company_id" in self._fields else None
        return {
            "uuid": uuid or None,
            "name": self.display_name or None,
            "company_id": company.id if company else None,
        }
