import json
import re

from odoo import api, fields, models, tools
from odoo.exceptions import ValidationError

from ..exceptions import UnknownEventType
from ..tools.schema import check_schema, compile_schema
from .caches import forget

CODE_PATTERN = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+\.v[1-9][0-9]*")


class MfgEventType(models.Model):
    _name = "mfg.event.type"
    _description = "Integration event type"
    _inherit = ["mail.thread"]
    _order = "code"
    _rec_name = "code"

    code = fields.Char(
        required=True,
        tracking=True,
        help="CloudEvents type with its major version, e.g. mfg.production.order.released.v1",
    )
    description = fields.Text(required=True, translate=True)
    flow_id = fields.Many2one("mfg.flow", ondelete="restrict", index=True)
    owner_id = fields.Many2one("res.users")
    schema = fields.Text(
        string="JSON Schema", help="JSON Schema 2020-12 of the event's data.", default="{}"
    )
    example = fields.Text(help="An example of the event's data, valid against the schema.")
    keep = fields.Boolean(help="Store the event even when nobody subscribes to it.")
    state = fields.Selection(
        [
            ("draft", "Draft"),
            ("published", "Published"),
            ("deprecated", "Deprecated"),
            ("retired", "Retired"),
        ],
        required=True,
        default="draft",
        tracking=True,
    )
    subscription_ids = fields.Many2many("mfg.subscription", string="Subscriptions", readonly=True)

    _code_uniq = models.Constraint("UNIQUE (code)", "Another event type has this name.")

    @api.constrains("code")
    def _check_code(self):
        for event_type in self:
            if not CODE_PATTERN.fullmatch(event_type.code):
                raise ValidationError(
                    self.env._(
                        "Event type “%s”: write lower-case words joined by dots and end with the "
                        "major version, e.g. mfg.production.order.released.v1",
                        event_type.code,
                    )
                )

    @api.constrains("schema", "example")
    def _check_schema(self):
        for event_type in self:
            schema = event_type._parse_json("schema") or {}
            try:
                check_schema(schema)
            except ValueError as error:
                raise ValidationError(
                    self.env._(
                        "%(code)s, JSON Schema: %(error)s", code=event_type.code, error=error
                    )
                ) from error
            example = event_type._parse_json("example")
            if example is None:
                continue
            problems = compile_schema(schema).errors(example)
            if problems:
                raise ValidationError(
                    self.env._(
                        "%(code)s, example: %(pointer)s %(message)s",
                        code=event_type.code,
                        pointer=problems[0].pointer or "/",
                        message=problems[0].message,
                    )
                )

    def _parse_json(self, field_name):
        text = self[field_name]
        if not text or not text.strip():
            return None
        try:
            return json.loads(text)
        except ValueError as error:
            raise ValidationError(
                self.env._(
                    "%(code)s, %(field)s is not JSON: %(error)s",
                    code=self.code,
                    field=self._fields[field_name].string,
                    error=error,
                )
            ) from error

    @api.model_create_multi
    def create(self, vals_list):
        forget(self.env)
        return super().create(vals_list)

    def write(self, vals):
        forget(self.env)
        return super().write(vals)

    def unlink(self):
        forget(self.env)
        return super().unlink()

    @api.model
    @tools.ormcache("code")
    def _lookup(self, code):
        """``(id, keep)`` of a type that may be emitted.

        :raises UnknownEventType: not in the catalogue, or retired
        """
        # sudo: the catalogue decides for every user who changes business data.
        event_type = self.sudo().search([("code", "=", code), ("state", "!=", "retired")])
        if not event_type:
            raise UnknownEventType(
                self.env._("Event type “%s” is not in the catalogue (or is retired).", code)
            )
        return event_type.id, event_type.keep
