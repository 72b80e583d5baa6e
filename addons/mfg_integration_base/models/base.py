import secrets
from ast import literal_eval
from dataclasses import dataclass
from datetime import datetime, timezone

from odoo import api, models
from odoo.tools import SQL

from ..tools import tracecontext
from ..tools.envelope import canonical_json
from .uuids import new_uuid

CAUSE_KEY = "mfg_cause"
"""Context key of the inbound message whose booking is under way; see ``Cause``."""

KEY_LOCK = 6001
"""First half of the advisory locks of ordering keys; the second is the key's bucket."""

KEY_BUCKETS = 4096
"""How many locks the ordering keys share; a power of two."""

EVENT_COLUMNS = {
    "uuid": "text", "event_type_id": "int", "type": "text", "source": "text", "subject": "text",
    "ordering_key": "text", "occurred_at": "timestamp", "recorded_at": "timestamp",
    "company_id": "int", "user_id": "int", "model": "text", "res_id": "int", "traceparent": "text",
    "correlation_id": "text", "causation_id": "text", "data": "text",
}  # fmt: skip
MESSAGE_COLUMNS = {
    "uuid": "text", "event_uuid": "text", "subscription_id": "int", "connector_id": "int",
    "lane_id": "int", "ordering_key": "text",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cause:
    """The inbound message that causes what happens in this environment.

    Travels in the context. A context that came through RPC holds JSON and can never hold an
    instance of this class: nobody outside this process can pretend to be a partner.
    """

    message_uuid: str
    connector_id: int
    correlation_id: str
    traceparent: str


class Base(models.AbstractModel):
    """Every model can emit integration events."""

    _inherit = "base"

    def _mfg_emit(self, code, data, *, occurred_at=None):
        """Write one event per record, and one outbox message per matching subscription.

        All rows are inserted at once in the caller's transaction: if it rolls back, nothing was
        ever sent. Nobody listening costs a cached lookup; ``data`` is then not even computed.

        :param code: event type with its major version, e.g. ``mfg.production.order.released.v1``
        :param data: a function ``record -> dict``; or, for one record, the dict or its JSON text
        :param occurred_at: naive UTC datetime of the fact, default now
        :return: the events' UUIDs, in the order of the records that emitted
        :raises UnknownEventType: the type is not in the catalogue
        """
        event_type_id, keep = self.env["mfg.event.type"]._lookup(code)
        cause = self._mfg_cause()
        batch, matching, sources = [], {}, {}
        # sudo: what is told of a record does not depend on the rights of who changed it. A stock
        # user's scrap names an operation that only production users may read.
        for record in self.sudo():
            company = record._mfg_company()
            if company not in matching:
                matching[company] = self.env["mfg.subscription"]._matching(
                    event_type_id, company.id
                )
                sources[company] = self._mfg_source(company)
            specs = [spec for spec in matching[company] if record._mfg_matches(spec, cause)]
            if specs or keep:
                batch.append((record, record._mfg_ordering_key(), company, specs))
        if not batch:
            return []
        now = datetime.now(timezone.utc).replace(tzinfo=None)  # with the fraction Odoo's own drops
        ordered = {key for _r, key, _c, specs in batch if any(s.ordered for s in specs)}
        events, messages, wakes = [], [], {}
        when = occurred_at or now
        for record, key, company, specs in batch:
            event_uuid = new_uuid()
            events.append(
                {
                    "uuid": event_uuid,
                    "event_type_id": event_type_id,
                    "type": code,
                    "source": sources[company],
                    "subject": record._mfg_subject(),
                    "ordering_key": key,
                    "occurred_at": when,
                    "recorded_at": now,
                    "company_id": company.id,
                    "user_id": self.env.uid,
                    "model": self._name,
                    "res_id": record.id or None,
                    "traceparent": tracecontext.child(cause.traceparent, secrets.token_bytes)
                    if cause and cause.traceparent
                    else tracecontext.new_traceparent(secrets.token_bytes),
                    "correlation_id": cause.correlation_id if cause else event_uuid,
                    "causation_id": cause.message_uuid if cause else None,
                    "data": record._mfg_data_text(data, company, when, now, cause),
                }
            )
            for spec in specs:
                message_uuid = new_uuid()
                wakes.setdefault("local" if spec.local else "out", set()).add(spec.lane_id)
                messages.append(
                    {
                        "uuid": message_uuid,
                        "event_uuid": event_uuid,
                        "subscription_id": spec.id,
                        "connector_id": spec.connector_id,
                        "lane_id": spec.lane_id,
                        # without order every message is a key of its own
                        "ordering_key": key if spec.ordered else message_uuid,
                    }
                )
        self._mfg_insert(events, messages, ordered)
        for direction, lanes in wakes.items():
            self.env["mfg.waker"]._wake(self.env["mfg.lane"].browse(lanes), direction)
        return [event["uuid"] for event in events]

    # === What a model may refine === #

    def _mfg_ordering_key(self):
        """The aggregate that events about this record are ordered by."""
        return f"{self._name}:{self._mfg_identity()}"

    def _mfg_subject(self):
        """CloudEvents subject: ``<model>/<immutable id>``."""
        return f"{self._name}/{self._mfg_identity()}"

    def _mfg_identity(self):
        return self["mfg_uuid"] if "mfg_uuid" in self._fields and self["mfg_uuid"] else str(self.id)

    def _mfg_company(self):
        """The company an event about this record belongs to."""
        if "company_id" in self._fields and self["company_id"]:
            return self["company_id"]
        return self.env.company

    def _mfg_plant(self):
        """Name of the plant (ISA-95 site) in the event's data, or None."""
        return

    def _mfg_values(self, names):
        """``{field: value}`` as a partner reads it: relations by id and display name."""
        self.ensure_one()
        values = {"id": self.id, "uuid": self._mfg_identity(), "display_name": self.display_name}
        for name in names:
            value = self[name]
            if isinstance(value, models.BaseModel):
                value = [{"id": record.id, "display_name": record.display_name} for record in value]
                if self._fields[name].type == "many2one":
                    value = value[0] if value else None
            elif value is False and self._fields[name].type != "boolean":
                value = None
            elif isinstance(value, bytes):
                value = value.decode("ascii")
            values[name] = value
        return values

    # === How === #

    @api.model
    def _mfg_source(self, company):
        """CloudEvents source of this database's events about a company."""
        # sudo: system parameter
        database = self.env["ir.config_parameter"].sudo().get_param("database.uuid")
        return f"/odoo/{database}/{company.id}"

    @api.model
    def _mfg_cause(self):
        """The ``Cause`` when an inbound message is being booked, else None."""
        cause = self.env.context.get(CAUSE_KEY)
        return cause if isinstance(cause, Cause) else None

    def _mfg_matches(self, spec, cause):
        if cause and cause.connector_id == spec.connector_id and not spec.echo:
            return False
        if spec.filter_domain in ("", "[]"):
            return True
        # sudo: what a subscriber gets does not depend on the rights of who changed the record.
        return spec.filter_model == self._name and bool(
            self.sudo().filtered_domain(literal_eval(spec.filter_domain))
        )

    def _mfg_data_text(self, data, company, occurred_at, recorded_at, cause):
        if isinstance(data, str):
            return data
        values = data(self) if callable(data) else data
        common = {
            "company": company.name,
            "plant": self._mfg_plant(),
            "occurred_at": occurred_at,
            "recorded_at": recorded_at,
            "actor": self.env.user.login,
            "cause_id": cause.message_uuid if cause else None,
        }
        return canonical_json({**common, **values})

    @api.model
    def _mfg_insert(self, events, messages, ordered):
        """Insert events and their outbox messages (perhaps none) in one statement.

        It first makes commits of one key come one after the other, so that ids are in order of
        commits: a transaction draws its events' ids under the key's lock and holds it until it
        commits, and whoever comes second draws a higher id. Locks are taken in order, so that two
        bulk emissions cannot meet crosswise; a deadlock across several emissions is retried by
        Odoo like any other. Keys share a fixed number of locks, so that a transaction with very
        many records cannot fill PostgreSQL's lock table (64 entries a connection by default).

        :param events: dictionaries with EVENT_COLUMNS
        :param messages: dictionaries with MESSAGE_COLUMNS; ``event_uuid`` names one of the events
        :param ordered: ordering keys whose events have to keep their order
        """
        event_rows, event = _as_rows("o", events, EVENT_COLUMNS)
        message_rows, message = _as_rows("m", messages, MESSAGE_COLUMNS)
        self.env.cr.execute(
            SQL(
                """
                WITH locked AS MATERIALIZED (
                    SELECT count(*) FROM (
                        SELECT pg_advisory_xact_lock(%(lock)s, bucket)
                          FROM (SELECT DISTINCT hashtext(k) & %(mask)s AS bucket
                                  FROM unnest(%(ordered)s::text[]) AS k ORDER BY 1) buckets
                         OFFSET 0) held
                ), event AS (
                    INSERT INTO mfg_event (%(names)s)
                    -- Ids are drawn behind the sort, and so behind the locks.
                    SELECT %(columns)s FROM %(event_rows)s CROSS JOIN locked ORDER BY o.n
                    RETURNING id, uuid, type, company_id
                )
                INSERT INTO mfg_outbox_message
                    (uuid, event_id, event_type, subscription_id, connector_id, company_id, lane_id,
                     ordering_key, state, attempt_count, tries, created_at)
                SELECT %(uuid)s, e.id, e.type, %(subscription_id)s, %(connector_id)s, e.company_id,
                       %(lane_id)s, %(ordering_key)s, 'pending', 0, 0,
                       clock_timestamp() AT TIME ZONE 'UTC'
                  FROM %(message_rows)s JOIN event e ON e.uuid = %(event_uuid)s
                 ORDER BY m.n
                """,
                lock=KEY_LOCK,
                mask=KEY_BUCKETS - 1,
                ordered=list(ordered),
                names=SQL(", ").join(map(SQL.identifier, event)),
                columns=SQL(", ").join(event.values()),
                event_rows=event_rows,
                message_rows=message_rows,
                **message,
            )
        )


def _as_rows(alias, rows, types):
    """Rows for SQL: ``(table with a row number n, {column: expression over it})``.

    What is the same in all rows goes out once, not as an array: of a thousand records most of it.
    """
    varying, expressions = {}, {}
    for name, kind in types.items():
        values = [row[name] for row in rows]
        if name != "uuid" and len(values) > 0 and len(set(values)) == 1:
            expressions[name] = SQL("%s::%s", values[0], SQL(kind))
        else:
            varying[name] = SQL("%s::%s[]", values, SQL(kind))
            expressions[name] = SQL.identifier(alias, name)
    table = SQL(
        "unnest(%s) WITH ORDINALITY AS %s(%s, n)",
        SQL(", ").join(varying.values()),
        SQL.identifier(alias),
        SQL(", ").join(map(SQL.identifier, varying)),
    )
    return table, expressions
