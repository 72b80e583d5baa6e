import json
import re
from typing import Any, NamedTuple

from odoo import api, fields, models, tools
from odoo.exceptions import ValidationError

from ..const import API_PREFIX, DEDUPE_DAYS
from ..tools import json_pointer
from ..tools.http_dates import deprecation_headers
from ..tools.lifecycle import OPEN
from ..tools.schema import check_schema, compile_schema
from .caches import forget

MESSAGE_TYPE_PATTERN = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*\.v[1-9][0-9]*")


class RouteSpec(NamedTuple):
    """What the gateway needs to know of a route, cached per connector and message type."""

    id: int
    lane_id: int
    codec: str
    handler: str
    schema: Any
    external_id_pointer: str
    ordering_pointer: str
    dedupe_days: int
    answer_seconds: int  # 0: not synchronous
    rate_limit: float
    rate_burst: int
    headers: dict  # of each answer: when the route will end


class MfgInboxRoute(models.Model):
    _name = "mfg.inbox.route"
    _description = "Inbox route"
    _order = "connector_id, message_type"
    _rec_name = "message_type"

    connector_id = fields.Many2one("mfg.connector", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="connector_id.company_id", store=True)
    message_type = fields.Char(
        required=True, help="With its major version, e.g. production.report.v1"
    )
    active = fields.Boolean(default=True)
    handler = fields.Selection(
        [("ping", "Answer only (connection test)")],
        required=True,
        default="ping",
        ondelete={"ping": "cascade"},
        help="What books the message.",
    )
    codec = fields.Selection(
        [("json", "JSON"), ("xml", "XML")],
        string="Body",
        required=True,
        default="json",
        ondelete={"json": "cascade", "xml": "cascade"},
        help="The format of messages from this partner. XML becomes the same document as JSON, by "
        "element names; docs/wire_format.md has the rules.",
    )
    schema = fields.Text(help="JSON Schema 2020-12 of the body. Empty: the handler's own schema.")
    external_id_pointer = fields.Char(
        help="JSON pointer to the partner's message id. Empty: the webhook-id header."
    )
    ordering_pointer = fields.Char(
        help="JSON pointer to what messages are booked in order of. Empty: the handler decides."
    )
    lane_id = fields.Many2one(
        "mfg.lane",
        required=True,
        ondelete="restrict",
        default=lambda self: self.env.ref(
            "mfg_integration_base.lane_critical", raise_if_not_found=False
        ),
    )
    retry_policy_id = fields.Many2one(
        "mfg.retry.policy",
        required=True,
        ondelete="restrict",
        default=lambda self: self.env.ref(
            "mfg_integration_base.retry_policy_standard", raise_if_not_found=False
        ),
    )
    on_dead = fields.Selection(
        [("park", "Hold the object's later messages"), ("skip", "Go on with the next message")],
        string="When a message is dead",
        required=True,
        default="skip",
    )
    dedupe_days = fields.Integer(default=DEDUPE_DAYS, required=True)
    synchronous = fields.Boolean(
        string="Answer with the result",
        help="Wait for the booking, so that the partner gets its result in the same call. What is "
        "not booked in time is answered 202 as usual.",
    )
    answer_seconds = fields.Integer(
        string="Wait up to (s)", default=10, required=True, help="How long the partner waits."
    )
    rate_limit = fields.Float(
        string="Messages per second", default=0.0, help="Shared by all servers. 0: no limit."
    )
    rate_burst = fields.Integer(
        string="Burst", default=20, help="How many may come at once after a quiet time."
    )
    endpoint = fields.Char(
        string="Address for the partner",
        compute="_compute_endpoint",
        help="Where the partner sends these messages to (POST).",
    )

    _route_uniq = models.Constraint(
        "UNIQUE (connector_id, message_type)", "This connector already has a route for that type."
    )

    _limits = models.Constraint(
        "CHECK (answer_seconds BETWEEN 1 AND 60 AND rate_limit >= 0 AND rate_burst > 0)",
        "A partner waits 1 to 60 seconds; a rate is not negative, a burst at least 1.",
    )
    _dedupe_days_positive = models.Constraint(
        "CHECK (dedupe_days > 0)", "Message ids are remembered for at least one day."
    )

    @api.constrains("lane_id")
    def _check_lane(self):
        self.lane_id._check_active()

    @api.constrains("message_type")
    def _check_message_type(self):
        for route in self:
            if not MESSAGE_TYPE_PATTERN.fullmatch(route.message_type):
                raise ValidationError(
                    self.env._(
                        "Message type “%s”: lower-case words joined by dots, ending with the major "
                        "version, e.g. production.report.v1",
                        route.message_type,
                    )
                )

    @api.constrains("schema")
    def _check_schema(self):
        for route in self.filtered("schema"):
            try:
                check_schema(json.loads(route.schema))
            except ValueError as error:
                raise ValidationError(
                    self.env._(
                        "Route %(type)s, schema: %(error)s", type=route.message_type, error=error
                    )
                ) from error

    @api.constrains("external_id_pointer", "ordering_pointer")
    def _check_pointers(self):
        for route in self:
            for name in ("external_id_pointer", "ordering_pointer"):
                try:
                    json_pointer.parse(route[name] or "")
                except ValueError as error:
                    raise ValidationError(
                        self.env._(
                            "Route %(type)s, %(field)s: %(error)s",
                            type=route.message_type,
                            field=self._fields[name].string,
                            error=error,
                        )
                    ) from error

    @api.depends("connector_id.code", "message_type")
    def _compute_endpoint(self):
        base_url = self[:1].get_base_url()
        for route in self:
            known = route.connector_id.code and route.message_type
            route.endpoint = (
                f"{base_url}{API_PREFIX}/in/{route.connector_id.code}/{route.message_type}"
                if known
                else False
            )

    @api.model_create_multi
    def create(self, vals_list):
        forget(self.env)
        return super().create(vals_list)

    def write(self, vals):
        if "connector_id" in vals and any(r.connector_id.id != vals["connector_id"] for r in self):
            raise ValidationError(
                self.env._("A route stays with its connector. Archive it and make a new one.")
            )
        forget(self.env)
        result = super().write(vals)
        if "lane_id" in vals:
            self.env["mfg.message.queue"]._move_lane("in", self.ids, vals["lane_id"])
            self.env["mfg.waker"]._wake(self.lane_id)
        return result

    def unlink(self):
        forget(self.env)
        route_ids = self.ids
        result = super().unlink()
        self.env["mfg.message.queue"]._leave_routes(route_ids)
        return result

    # Nobody else would book what was accepted: an addon whose handler goes waits as well.
    @api.ondelete(at_uninstall=True)
    def _unlink_without_messages(self):
        base = self.env["ir.module.module"].sudo()._get("mfg_integration_base")
        if base.state == "to remove":  # the messages go as well
            return
        waiting = (
            self.env["mfg.inbox.message"]
            .sudo()  # messages of other companies count as well
            .search([("route_id", "in", self.ids), ("state", "in", list(OPEN))], limit=1)
        )
        if waiting:
            raise ValidationError(
                self.env._(
                    "Messages still wait for route %s: let them be booked, or cancel them. Archive "
                    "the route to accept no more of them.",
                    waiting.message_type,
                )
            )

    def _effective_schema(self):
        """The schema inbound bodies are checked against (dict; empty accepts everything)."""
        self.ensure_one()
        if self.schema:
            return json.loads(self.schema)
        return self.env["mfg.inbox.handler"]._mfg_resolve(self.handler)._schema()

    def _decode(self, raw, content_type):
        """The document of a body in this route's format, as the gateway read it.

        :raises BusinessReject: reason ``codec``
        """
        self.ensure_one()
        return (
            self.env["mfg.codec"]
            ._mfg_resolve(self.codec)
            ._decode(raw=raw, content_type=content_type, schema=self._effective_schema())
        )

    def _compiled_schema(self):
        return compile_schema(self._effective_schema())

    @api.model
    @tools.ormcache("connector_id", "message_type")
    def _spec(self, connector_id, message_type):
        """``RouteSpec`` of a connector's route for this message type, or None (cached)."""
        # sudo: routing does not depend on a user.
        route = self.sudo().search(
            [("connector_id", "=", connector_id), ("message_type", "=", message_type)]
        )
        if not route:
            return None
        return RouteSpec(
            id=route.id,
            lane_id=route.lane_id.id,
            codec=route.codec,
            handler=route.handler,
            schema=route._compiled_schema(),
            external_id_pointer=route.external_id_pointer or "",
            ordering_pointer=route.ordering_pointer or "",
            dedupe_days=route.dedupe_days,
            answer_seconds=route.answer_seconds if route.synchronous else 0,
            rate_limit=route.rate_limit,
            rate_burst=route.rate_burst,
            headers=deprecation_headers(route.deprecated_date or None, route.sunset_date or None),
        )
