"""Contracts with partners: what is published stays, and changes only so that nobody breaks."""

import json

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..exceptions import StateWriteRefused
from ..tools.http_dates import deprecation_headers
from ..tools.schema import SchemaError
from ..tools.schema_compat import breaking_changes

PUBLISHED = ("published", "deprecated")
MOST_SHOWN = 10


class MfgContractVersion(models.Model):
    """A schema as it was published, for ever."""

    _name = "mfg.contract.version"
    _description = "Published version of a schema"
    _order = "id desc"
    _rec_name = "version"

    event_type_id = fields.Many2one("mfg.event.type", readonly=True, ondelete="cascade", index=True)
    route_id = fields.Many2one("mfg.inbox.route", readonly=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="route_id.company_id", store=True)
    version = fields.Char(required=True, readonly=True)
    schema = fields.Text(required=True, readonly=True)
    published_at = fields.Datetime(readonly=True, default=fields.Datetime.now)
    user_id = fields.Many2one("res.users", readonly=True, default=lambda self: self.env.user)

    def write(self, vals):  # pylint: disable=method-required-super  # refused
        raise StateWriteRefused(self.env._("A published schema does not change."))


class MfgContractMixin(models.AbstractModel):
    """What has a schema that partners rely on."""

    _name = "mfg.contract.mixin"
    _description = "Contract with partners"

    minor_version = fields.Integer(
        readonly=True, default=0, copy=False, help="Goes up with each change of the schema."
    )
    deprecated_date = fields.Date(
        string="Deprecated from", help="From this day on nobody should begin to use it."
    )
    sunset_date = fields.Date(help="From this day on it may be gone.")

    @api.constrains("deprecated_date", "sunset_date")
    def _check_end(self):
        for record in self:
            try:
                deprecation_headers(record.deprecated_date or None, record.sunset_date or None)
            except ValueError:
                raise ValidationError(
                    self.env._(
                        "%s: the sunset date is before the day of deprecation.",
                        record.display_name,
                    )
                ) from None

    def write(self, vals):
        before = {record.id: record._published_schema() for record in self}
        result = super().write(vals)
        for record in self:
            record._publish(before[record.id])
        return result

    @api.model_create_multi
    def create(self, vals_list):
        records = super().create(vals_list)
        for record in records:
            record._publish(None)
        return records

    def _published_schema(self):
        """The schema (dict) that partners rely on now; None if nobody does yet."""
        raise NotImplementedError

    def _contract_values(self):
        """``(role, name of the link, major version)``; the role as for ``breaking_changes``, the
        link in ``mfg.contract.version``."""
        raise NotImplementedError

    def _publish(self, before):
        """Keep the schema as a version if it is new; refuse one that would break a partner."""
        after = self._published_schema()
        if after is None or after == before:
            return
        role, link, major = self._contract_values()
        # sudo: nobody writes versions but this.
        versions = self.env["mfg.contract.version"].sudo().search([(link, "=", self.id)])
        if before is None and versions:
            before = json.loads(versions[0].schema)  # it was withdrawn and comes back
            if after == before:
                return
        if before is not None and not versions:
            # From before versions were kept: it is what partners have.
            self._keep_version(link, major, before)
        if before is not None:
            self._check_compatible(before, after, role)
            # Past write(), which would take it for another change of the contract.
            super().write(  # pylint: disable=super-method-mismatch
                {"minor_version": self.minor_version + 1}
            )
        self._keep_version(link, major, after)

    def _keep_version(self, link, major, schema):
        # sudo: nobody writes versions but this.
        self.env["mfg.contract.version"].sudo().create(
            {
                link: self.id,
                "version": f"{major}.{self.minor_version}",
                "schema": json.dumps(schema, indent=2, ensure_ascii=False),
                "user_id": self.env.uid,
            }
        )

    def _check_compatible(self, before, after, role):
        try:
            found = breaking_changes(before, after, role=role, named_only=True)
        except SchemaError:
            return  # the constraint on the schema itself says what is wrong with it
        if found:
            lines = [f"{error.pointer or '/'}: {error.message}" for error in found[:MOST_SHOWN]]
            raise ValidationError(
                self.env._(
                    "%(name)s is in use, and this schema would break partners. Make a new major "
                    "version for it.\n%(changes)s",
                    name=self.display_name,
                    changes="\n".join(lines),
                )
            )


class MfgEventType(models.Model):
    _name = "mfg.event.type"
    _inherit = ["mfg.event.type", "mfg.contract.mixin"]

    version_ids = fields.One2many("mfg.contract.version", "event_type_id", readonly=True)

    def _published_schema(self):
        return (self._parse_json("schema") or {}) if self.state in PUBLISHED else None

    def _contract_values(self):
        return "read", "event_type_id", self.code.rpartition(".v")[2]

    def write(self, vals):
        if "code" in vals:
            for event_type in self:
                if event_type.state != "draft" and event_type.code != vals["code"]:
                    raise ValidationError(
                        self.env._(
                            "%s is published: its name is what partners know it by.",
                            event_type.code,
                        )
                    )
        return super().write(vals)


class MfgInboxRoute(models.Model):
    _name = "mfg.inbox.route"
    _inherit = ["mfg.inbox.route", "mfg.contract.mixin"]

    version_ids = fields.One2many("mfg.contract.version", "route_id", readonly=True)
    description = fields.Text(
        translate=True, help="For the partner's developer: what it means, when to send it."
    )
    example = fields.Text(help="An example of a message, valid against the schema.")

    @api.constrains("example", "schema")
    def _check_example(self):
        for route in self.filtered("example"):
            try:
                document = json.loads(route.example)
            except ValueError as error:
                raise ValidationError(
                    self.env._(
                        "Route %(type)s, example: %(error)s", type=route.message_type, error=error
                    )
                ) from error
            problems = route._compiled_schema().errors(document)
            if problems:
                raise ValidationError(
                    self.env._(
                        "Route %(type)s, example: %(pointer)s %(message)s",
                        type=route.message_type,
                        pointer=problems[0].pointer or "/",
                        message=problems[0].message,
                    )
                )

    def _published_schema(self):
        # The handler's own schema comes and goes with its code; an own one is a contract.
        in_use = self.active and self.connector_id.state in ("active", "paused")
        return json.loads(self.schema) if self.schema and in_use else None

    def _contract_values(self):
        return "write", "route_id", self.message_type.rpartition(".v")[2]


class MfgConnector(models.Model):
    _inherit = "mfg.connector"

    def action_activate(self):
        result = super().action_activate()
        for route in self.inbox_route_ids:
            route._publish(None)
        return result
