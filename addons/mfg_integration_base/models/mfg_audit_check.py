import re
from datetime import datetime, timezone
from itertools import islice

from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError
from odoo.tools import SQL
from odoo.tools.misc import clean_context

from ..exceptions import ConfigurationError
from ..tools.audit_check import Member, verify_chain
from ..tools.audit_seal import Entry, Seal
from .cursors import own_env
from .mfg_audit_entry import CHAIN

CHUNK = 200
"""How many seals are read at a time."""

MOST_FINDINGS = 200
"""How many findings are kept; the count goes on."""

UNSEALED_MINUTES = 10
"""An entry that no seal covers after so long was held back from it."""

ANCHOR_PATTERN = re.compile(r"(\d{1,9})[:\s]+([0-9a-f]{64})", re.ASCII | re.IGNORECASE)


class MfgAuditCheck(models.Model):
    """One check of the whole audit trail: what was looked at, and every break that was found."""

    _name = "mfg.audit.check"
    _description = "Check of the audit trail"
    _order = "id desc"
    _rec_name = "started_at"

    started_at = fields.Datetime(string="Started", readonly=True)
    finished_at = fields.Datetime(string="Finished", readonly=True)
    user_id = fields.Many2one("res.users", string="Checked by", readonly=True)
    state = fields.Selection(
        [("draft", "Not checked yet"), ("whole", "Whole"), ("broken", "Broken")],
        default="draft",
        required=True,
        readonly=True,
    )
    anchors = fields.Text(
        help="Marks of seals that were kept elsewhere: number, colon, mark; one a line. Without "
        "one, nobody can tell whether the newest seals were cut off."
    )
    seal_count = fields.Integer(string="Seals", readonly=True)
    entry_count = fields.Integer(string="Entries", readonly=True)
    erased_count = fields.Integer(string="Erased", readonly=True)
    unsealed_count = fields.Integer(string="Not sealed yet", readonly=True)
    finding_count = fields.Integer(string="Breaks", readonly=True)
    findings = fields.Text(string="What was found", readonly=True)
    anchor = fields.Char(
        string="Newest mark",
        readonly=True,
        help="Keep it outside this system: the next check can then tell whether anything before it "
        "was cut off or made anew.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        if self.env.su:
            return super().create(vals_list)
        # What a check has found is the system's to say, through RPC and defaults as well.
        clean = self.env(context=clean_context(self.env.context))[self._name]
        only_anchors = [{"anchors": vals.get("anchors")} for vals in vals_list]
        return super(MfgAuditCheck, clean).create(only_anchors)

    @api.constrains("anchors")
    def _check_anchors(self):
        for check in self:
            check._parsed_anchors()

    def _parsed_anchors(self):
        parsed = {}
        for number, line in enumerate((self.anchors or "").splitlines(), 1):
            if not line.strip():
                continue
            match = ANCHOR_PATTERN.fullmatch(line.strip())
            if not match:
                raise ValidationError(
                    self.env._("Anchors, line %s: write the number, a colon and the mark.", number)
                )
            parsed[int(match[1])] = bytes.fromhex(match[2])
        return parsed

    def action_verify(self):
        """Check everything from the first seal on; takes a second for some ten thousand entries."""
        self.ensure_one()
        if not self.env.user.has_groups(
            "mfg_integration_base.group_auditor,mfg_integration_base.group_manager"
        ):
            raise AccessError(self.env._("Auditors and integration managers check the trail."))
        # sudo: the chain is one for all companies, and what was found names no secret.
        self.sudo()._run()

    def _run(self):
        started = fields.Datetime.now()
        with own_env(self.env.registry) as env:
            result = env["mfg.audit.check"]._verify(self._parsed_anchors())
        self.write(
            {
                **result,
                "state": "broken" if result["finding_count"] else "whole",
                "started_at": started,
                "finished_at": fields.Datetime.now(),
                "user_id": self.env.uid,
            }
        )

    @api.model
    def _verify(self, anchors):
        """Values of a check's fields.

        :param anchors: ``{number: mark}``, marks as bytes
        :raises ConfigurationError: no keys
        """
        counts = {"seal_count": 0, "entry_count": 0, "erased_count": 0, "finding_count": 0}
        last = []

        def seals():
            for seal in self._seals():
                counts["seal_count"] += 1
                last[:] = [seal]
                yield seal

        def members(number):
            for member in self._members(number):
                counts["entry_count"] += 1
                yield member

        keys = self.env["mfg.audit.seal"]._keys()
        lines, erased = [], []
        for finding in verify_chain(seals(), members, keys, chain=CHAIN, anchors=anchors):
            if not finding.is_break:
                counts["erased_count"] += 1
                erased.append(finding.entry)
                continue
            counts["finding_count"] += 1
            if len(lines) < MOST_FINDINGS:
                lines.append(finding.message)
        if secretly := self._not_told(erased):
            counts["finding_count"] += len(secretly)
            shown = ", ".join(map(str, secretly[:20]))
            lines.append(
                self.env._("These entries were erased, and no entry tells of it: %s.", shown)
            )
        unsealed, late = self._unsealed()
        if late:
            counts["finding_count"] += len(late)
            shown = ", ".join(map(str, islice(late, 20)))
            lines.append(
                self.env._("No seal covers these entries, though they are old enough: %s.", shown)
            )
        anchor = f"{last[0].number}:{last[0].mac.hex()}" if last else False
        return {
            **counts,
            "unsealed_count": unsealed,
            "findings": "\n".join(lines) or False,
            "anchor": anchor,
        }

    def _seals(self):
        number = 0
        while True:
            self.env.cr.execute(
                SQL(
                    "SELECT number, previous, root, entry_count, first_at, last_at, sealed_at, key,"
                    " mac FROM mfg_audit_seal WHERE number > %s ORDER BY number LIMIT %s",
                    number,
                    CHUNK,
                )
            )
            rows = self.env.cr.fetchall()
            for row in rows:
                yield Seal(
                    row[0], _bytes(row[1]), _bytes(row[2]), row[3], _utc(row[4]), _utc(row[5]),
                    _utc(row[6]), row[7], _bytes(row[8]),
                )  # fmt: skip
            if len(rows) < CHUNK:
                return
            number = rows[-1][0]

    def _members(self, number):
        self.env.cr.execute(
            SQL(
                "SELECT entry_id, leaf, salt, commitments FROM mfg_audit_member WHERE seal = %s"
                " ORDER BY entry_id",
                number,
            )
        )
        rows = self.env.cr.fetchall()
        stored = {
            entry_id: (columns, personal)
            for entry_id, columns, personal in self.env["mfg.audit.seal"]._entries(
                row[0] for row in rows
            )
        }
        for entry_id, leaf, salt, commitments in rows:
            entry = None
            if entry_id in stored:
                columns, personal = stored[entry_id]
                entry = Entry(
                    entry_id,
                    columns,
                    personal,
                    bytes(salt) if salt is not None else None,
                    {name: _bytes(text) for name, text in commitments.items()},
                )
            yield Member(entry_id, bytes(leaf), entry)

    def _not_told(self, erased):
        """Which of these entries were erased without a sealed entry that says so."""
        self.env.cr.execute(
            SQL(
                "SELECT e.res_id FROM mfg_audit_entry e"
                "  JOIN mfg_audit_member m ON m.entry_id = e.id"
                " WHERE e.act = 'erase' AND e.model = 'mfg.audit.entry' AND e.res_id = ANY(%s)",
                erased,
            )
        )
        told = {row[0] for row in self.env.cr.fetchall()}
        return [entry_id for entry_id in erased if entry_id not in told]

    def _unsealed(self):
        """``(number of entries without a seal, ids of those that should have one)``."""
        self.env.cr.execute(
            SQL(
                "SELECT e.id, e.recorded_at < statement_timestamp() AT TIME ZONE 'UTC'"
                "             - %s * interval '1 minute'"
                "  FROM mfg_audit_entry e"
                " WHERE NOT EXISTS (SELECT 1 FROM mfg_audit_member m WHERE m.entry_id = e.id)"
                " ORDER BY e.id",
                UNSEALED_MINUTES,
            )
        )
        rows = self.env.cr.fetchall()
        return len(rows), [entry_id for entry_id, late in rows if late]

    @api.model
    def _cron_check(self):
        """Entry point of the nightly action; tells the auditors when something is broken."""
        newest = self.search([("state", "!=", "draft")], limit=1)
        # What the last check saw must still be there.
        check = self.create({"anchors": newest.anchor})
        try:
            check._run()
        except ConfigurationError:
            check.unlink()
            raise
        if check.state == "broken" and newest.state != "broken":
            check._tell()

    def _tell(self):
        auditors = self.env.ref("mfg_integration_base.group_auditor").all_user_ids
        managers = self.env.ref("mfg_integration_base.group_manager").all_user_ids
        for user in (auditors or managers).filtered("active"):
            self.env["mail.thread"].message_notify(
                partner_ids=user.partner_id.ids,
                subject=self.env._("The integration audit trail is broken"),
                body=self.env._(
                    "%(count)s breaks were found. Open Integration / Audit / Checks to see which "
                    "entries or seals were changed.",
                    count=self.finding_count,
                ),
            )


def _utc(moment):
    return moment.replace(tzinfo=timezone.utc) if isinstance(moment, datetime) else None


def _bytes(text):
    """Of hexadecimal digits; empty for what is none, which fits nothing."""
    try:
        return bytes.fromhex(text)
    except (TypeError, ValueError):
        return b""
