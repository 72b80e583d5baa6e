import json
import logging
import secrets
from datetime import timezone

import psycopg2

from odoo import api, fields, models
from odoo.tools import SQL

from ..exceptions import ConfigurationError, StateWriteRefused
from ..tools import audit_seal
from ..tools.audit_seal import SALT_BYTES, Entry
from ..tools.merkle import MerkleRoot
from .cursors import own_env
from .mfg_audit_entry import CHAIN, COLUMNS, PERSONAL

_logger = logging.getLogger(__name__)

BATCH = 5000
"""Most entries under one seal."""

SEAL_LOCK = 6010
SEALED_EVENT = "mfg.integration.audit.sealed.v1"


class MfgAuditSeal(models.Model):
    """One link of the chain that proves the audit trail: a MAC under a key outside the database.

    Every minute it covers whatever no seal covers yet; see ``tools.audit_seal``. Entries wait in a
    table that a trigger fills: nobody who writes an entry waits for a seal or holds one up.
    """

    _name = "mfg.audit.seal"
    _description = "Seal of the audit trail"
    _order = "number desc"
    _rec_name = "number"
    _log_access = False

    number = fields.Integer(required=True, readonly=True)
    previous = fields.Char(required=True, readonly=True, help="Mark of the seal before.")
    root = fields.Char(required=True, readonly=True, help="Merkle root of the entries.")
    entry_count = fields.Integer(string="Entries", required=True, readonly=True)
    first_at = fields.Datetime(string="From", readonly=True)
    last_at = fields.Datetime(string="To", readonly=True)
    sealed_at = fields.Datetime(string="Sealed", required=True, readonly=True)
    key = fields.Char(required=True, readonly=True, help="Name of the key, and its check digits.")
    mac = fields.Char(string="Mark", required=True, readonly=True)

    _number_uniq = models.Constraint("UNIQUE (number)", "Two seals share a number.")

    def init(self):
        self.env.cr.execute("SELECT to_regclass('mfg_audit_unsealed') IS NULL")
        is_new = self.env.cr.fetchone()[0]
        self.env.cr.execute(
            """
            CREATE TABLE IF NOT EXISTS mfg_audit_unsealed (entry_id integer PRIMARY KEY);
            CREATE TABLE IF NOT EXISTS mfg_audit_member (
                entry_id integer PRIMARY KEY,
                seal integer NOT NULL,
                leaf bytea NOT NULL,
                salt bytea,
                commitments jsonb NOT NULL);
            CREATE INDEX IF NOT EXISTS mfg_audit_member_seal_idx
                ON mfg_audit_member (seal, entry_id);
            CREATE OR REPLACE FUNCTION mfg_audit_queue() RETURNS trigger
            LANGUAGE plpgsql AS $$
            BEGIN
                INSERT INTO mfg_audit_unsealed SELECT id FROM new_entries;
                RETURN NULL;
            END $$;
            CREATE OR REPLACE TRIGGER mfg_audit_entry_queue
                AFTER INSERT ON mfg_audit_entry REFERENCING NEW TABLE AS new_entries
                FOR EACH STATEMENT EXECUTE FUNCTION mfg_audit_queue();
            -- Only one change is ever right: an erased entry loses its salt.
            CREATE OR REPLACE FUNCTION mfg_audit_member_freeze() RETURNS trigger
            LANGUAGE plpgsql AS $$
            BEGIN
                IF TG_OP = 'UPDATE' THEN
                    IF NEW.salt IS NULL AND (NEW.entry_id, NEW.seal, NEW.leaf, NEW.commitments)
                       = (OLD.entry_id, OLD.seal, OLD.leaf, OLD.commitments) THEN
                        RETURN NEW;
                    END IF;
                END IF;
                RAISE EXCEPTION '%: seals are only ever added', TG_TABLE_NAME
                    USING ERRCODE = 'restrict_violation';
            END $$;
            CREATE OR REPLACE TRIGGER mfg_audit_member_freeze
                BEFORE UPDATE OR DELETE ON mfg_audit_member
                FOR EACH ROW EXECUTE FUNCTION mfg_audit_member_freeze();
            CREATE OR REPLACE TRIGGER mfg_audit_member_keep
                BEFORE TRUNCATE ON mfg_audit_member
                FOR EACH STATEMENT EXECUTE FUNCTION mfg_audit_entry_freeze();
            CREATE OR REPLACE TRIGGER mfg_audit_seal_freeze
                BEFORE UPDATE OR DELETE ON mfg_audit_seal
                FOR EACH ROW EXECUTE FUNCTION mfg_audit_entry_freeze();
            CREATE OR REPLACE TRIGGER mfg_audit_seal_keep
                BEFORE TRUNCATE ON mfg_audit_seal
                FOR EACH STATEMENT EXECUTE FUNCTION mfg_audit_entry_freeze();
            """
        )

        if is_new:  # entries from before there were seals
            self.env.cr.execute("INSERT INTO mfg_audit_unsealed SELECT id FROM mfg_audit_entry")

    @api.model
    def _cron_seal(self):
        """Entry point of the scheduled action: seal what waits."""
        if self.env["mfg.environment"]._is_neutralized():
            return  # a copy proves nothing, and may have other keys
        more = True
        while more:
            with own_env(self.env.registry) as env:
                try:
                    more = env["mfg.audit.seal"]._seal_once() == BATCH
                except ConfigurationError as error:
                    _logger.error("The audit trail is not sealed: %s", error)
                    return

    def _seal_once(self):
        """Seal up to ``BATCH`` entries in this transaction; how many.

        :raises ConfigurationError: no key
        """
        keys = self._keys()
        cr = self.env.cr
        cr.execute(SQL("SELECT pg_try_advisory_xact_lock(%s)", SEAL_LOCK))
        if not cr.fetchone()[0]:
            return 0
        cr.execute(
            SQL(
                "DELETE FROM mfg_audit_unsealed WHERE entry_id IN ("
                "  SELECT entry_id FROM mfg_audit_unsealed ORDER BY entry_id LIMIT %s)"
                " RETURNING entry_id",
                BATCH,
            )
        )
        ids = [row[0] for row in cr.fetchall()]
        if not ids:
            return 0
        entries = self._entries(ids)
        if len(entries) < len(ids):
            gone = sorted(set(ids) - {entry_id for entry_id, _columns, _personal in entries})
            _logger.error("Audit entries were deleted before they were sealed: %s", gone)
        number, previous = self._last()
        root = self._add_members(number + 1, entries)
        times = [columns["recorded_at"] for _id, columns, _personal in entries]
        cr.execute("SELECT clock_timestamp()")
        seal = audit_seal.seal(
            keys,
            number=number + 1,
            previous=previous,
            root=root,
            count=len(entries),
            first_at=min(times, default=None),
            last_at=max(times, default=None),
            sealed_at=cr.fetchone()[0],
        )
        self._insert(seal)
        return len(ids)

    @api.model
    def _keys(self):
        return self.env["mfg.credential"]._key_ring().derive("audit-seal")

    def _last(self):
        """``(number, mac)`` of the newest seal."""
        self.env.cr.execute("SELECT number, mac FROM mfg_audit_seal ORDER BY number DESC LIMIT 1")
        row = self.env.cr.fetchone()
        return (row[0], bytes.fromhex(row[1])) if row else (0, audit_seal.genesis(CHAIN))

    @api.model
    def _entries(self, ids):
        """``[(id, columns, personal columns)]`` as they are stored, in the order of the ids."""
        names = COLUMNS + PERSONAL
        self.env.cr.execute(
            SQL(
                "SELECT id, %s FROM mfg_audit_entry WHERE id = ANY(%s) ORDER BY id",
                SQL(", ").join(map(SQL.identifier, names)),
                list(ids),
            )
        )
        found = []
        for entry_id, *values in self.env.cr.fetchall():
            row = dict(zip(names, values, strict=True))
            row["recorded_at"] = row["recorded_at"].replace(tzinfo=timezone.utc)
            found.append((entry_id, {n: row[n] for n in COLUMNS}, {n: row[n] for n in PERSONAL}))
        return found

    def _add_members(self, number, entries):
        """Note which seal the entries belong to; their Merkle root."""
        root, rows = MerkleRoot(), []
        for entry_id, columns, personal in entries:
            salt = secrets.token_bytes(SALT_BYTES)
            commitments = audit_seal.commit(salt, personal)
            leaf = audit_seal.leaf(Entry(entry_id, columns, personal, salt, commitments))
            root.add(leaf)
            texts = {name: value.hex() for name, value in commitments.items()}
            rows.append((entry_id, psycopg2.Binary(leaf), psycopg2.Binary(salt), json.dumps(texts)))
        if rows:
            self._insert_members(number, rows)
        return root.digest()

    def _insert_members(self, number, rows):
        self.env.cr.execute(
            SQL(
                "INSERT INTO mfg_audit_member (entry_id, seal, leaf, salt, commitments)"
                " SELECT r.id, %s, r.leaf, r.salt, r.commitments"
                "   FROM unnest(%s::int[], %s::bytea[], %s::bytea[], %s::jsonb[])"
                "        AS r(id, leaf, salt, commitments)",
                number,
                *(list(column) for column in zip(*rows, strict=True)),
            )
        )

    def _insert(self, seal):
        self.env.cr.execute(
            SQL(
                "INSERT INTO mfg_audit_seal (number, previous, root, entry_count, first_at,"
                " last_at, sealed_at, key, mac)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
                seal.number,
                seal.previous.hex(),
                seal.root.hex(),
                seal.count,
                _naive(seal.first_at),
                _naive(seal.last_at),
                _naive(seal.sealed_at),
                seal.key,
                seal.mac.hex(),
            )
        )
        record = self.browse(self.env.cr.fetchone()[0])
        # For whoever wants to keep the newest mark elsewhere: nobody subscribed costs nothing.
        record._mfg_emit(
            SEALED_EVENT,
            {"number": seal.number, "mark": seal.mac.hex(), "entries": seal.count},
        )

    @api.model_create_multi
    def create(self, vals_list):  # pylint: disable=method-required-super  # refused
        raise StateWriteRefused(self.env._("Seals are made by the system only."))

    def write(self, vals):  # pylint: disable=method-required-super  # refused
        raise StateWriteRefused(self.env._("A seal is evidence and cannot be changed."))

    @api.ondelete(at_uninstall=False)
    def _unlink_refused(self):
        raise StateWriteRefused(self.env._("A seal is evidence and cannot be deleted."))


def _naive(moment):
    """As a timestamp column holds it: UTC, without a zone."""
    return moment.astimezone(timezone.utc).replace(tzinfo=None) if moment else None
