"""Connectors under four-eyes control: what belongs to them changes by request only."""

import json

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import AccessError, RedirectWarning, ValidationError

from .cursors import own_env
from .mfg_change_request import RETIRED

MOST_CHARS = 500


class MfgControlledMixin(models.AbstractModel):
    """What belongs to a connector that may be regulated.

    Whoever changes it by hand gets a change request instead of the change. The system itself
    (installing, upgrading, applying a request) is superuser and is not asked.
    """

    _name = "mfg.controlled.mixin"
    _description = "Under four-eyes control"

    _mfg_controlled = frozenset()
    """Names of the fields that are under control."""
    _mfg_control_create = True
    """Whether adding one to a connector is a change of it."""

    def _mfg_connectors(self):
        """The connectors that this belongs to."""
        return self.connector_id

    def _mfg_is_regulated(self):
        return any(
            connector.regulated and connector.state in ("active", "paused")
            for connector in self.sudo()._mfg_connectors()  # sudo: whether, nothing else
        )

    def write(self, vals):
        names = self._mfg_controlled_names(vals)
        if names and not self.env.su:
            for record in self:
                if record._mfg_is_regulated():
                    record.check_access("write")
                    changed = {name: record._mfg_normal(name, vals[name]) for name in names}
                    record._mfg_put_down("write", changed)
        return super().write(vals)

    @api.model_create_multi
    def create(self, vals_list):
        records = super().create(vals_list)
        if self._mfg_control_create and not self.env.su:
            # Afterwards, when rights are checked and defaults are known; what was made is undone.
            for record, vals in zip(records, vals_list, strict=True):
                if record._mfg_is_regulated():
                    connector = record.connector_id
                    wanted = {name: self._mfg_normal(name, value) for name, value in vals.items()}
                    self.browse()._mfg_put_down(
                        "create", {**wanted, "connector_id": connector.id}, connector
                    )
        return records

    @api.ondelete(at_uninstall=False)
    def _unlink_controlled(self):
        if not self.env.su:
            for record in self:
                if record._mfg_is_regulated():
                    record.check_access("unlink")
                    record._mfg_put_down("unlink", {})

    def _mfg_controlled_names(self, vals):
        """Names of what is under control of these values."""
        return self._mfg_controlled & vals.keys()

    def _mfg_apply(self, values):
        """Make an approved change; as superuser."""
        self.write(values)

    def _mfg_normal(self, name, value):
        """A value as a request keeps it: lists as what they will be, and nothing hidden in them.

        :raises ValidationError: it would change other records as well
        """
        field = self._fields.get(name)
        if field is None or field.type not in ("many2many", "one2many"):
            return value
        ids = set(self[name].ids)
        for command in value or ():
            kind = command[0] if isinstance(command, list | tuple) and command else None
            if kind == 6:
                ids = set(command[2])
            elif kind == 5:
                ids = set()
            elif kind == 4:
                ids.add(command[1])
            elif kind == 3:
                ids.discard(command[1])
            else:
                raise ValidationError(
                    self.env._(
                        "%s: the connector is regulated; change each record by itself.",
                        field.get_description(self.env)["string"],
                    )
                )
        return [[6, 0, sorted(ids)]]

    def _mfg_put_down(self, operation, values, connector=None):
        """Keep the change as a request, and say so to the person.

        In a transaction of its own: the one that tried to make the change is rolled back.

        :raises RedirectWarning: always
        """
        user = self.env.user
        with own_env(self.env.registry) as env:
            record = self.with_env(env)
            request = record._mfg_request(operation, values, user=user, connector=connector)
            request_id, name = request.id, request.name
        raise RedirectWarning(
            self.env._(
                "This connector is regulated: your change was put down as “%s”. Say there why it "
                "is needed and submit it; somebody else approves it. Nothing was changed yet.",
                name,
            ),
            self.env["mfg.change.request"].browse(request_id)._form(),
            self.env._("Open the request"),
        )

    def _mfg_request(self, operation, values, *, user, connector=None, rollback_of=None):
        """The request for a change, as a draft of this user."""
        if not connector:
            # sudo: which of them it concerns, nothing else
            connector = (
                self.sudo()
                ._mfg_connectors()
                .filtered(
                    lambda c: (
                        c.regulated
                        and c.state in ("active", "paused")
                        and c.company_id in user.company_ids
                    )
                )[:1]
            )
        if not connector:
            raise AccessError(
                self.env._(
                    "%s is used by a regulated connector of another company: make one of your own.",
                    self.display_name,
                )
            )
        names = dict.fromkeys(values)
        before = self._mfg_controlled_values(names) if operation == "write" else {}
        label = self.display_name if self else self.env[self._name]._description
        lines = [
            {
                "label": self._fields[name].get_description(self.env)["string"],
                "before": self._mfg_text(name, before.get(name)) if operation == "write" else False,
                "after": self._mfg_text(name, value),
            }
            for name, value in values.items()
            if name in self._fields and name != "secret_input"
        ] or [{"label": self._description, "before": label, "after": False}]
        # sudo: a request is made by trying, not by the right to create one.
        return (
            self.env["mfg.change.request"]
            .with_user(SUPERUSER_ID)
            .create(
                {
                    "name": self._mfg_request_name(connector, label, lines),
                    "connector_id": connector.id,
                    "operation": operation,
                    "model": self._name,
                    "res_id": self.id if operation != "create" else False,
                    "values": json.dumps(
                        {name: value for name, value in values.items() if name != "secret_input"},
                        default=str,
                    ),
                    "before": json.dumps(before, default=str),
                    "line_ids": [(0, 0, line) for line in lines],
                    "requested_by": user.id,
                    "rollback_of_id": rollback_of.id if rollback_of else False,
                }
            )
        )

    def _mfg_request_name(self, connector, label, lines):
        place = connector.name if self == connector else f"{connector.name}, {label}"
        fields_changed = ", ".join(line["label"] for line in lines[:3])
        return f"{place}: {fields_changed}"[:200]

    def _mfg_controlled_values(self, names):
        """Present values of these fields in the form that ``write`` takes and JSON keeps."""
        self.ensure_one()
        found = {}
        for name in names:
            value, kind = self.sudo()[name], self._fields[name].type
            if kind == "many2one":
                value = value.id
            elif kind in ("many2many", "one2many"):
                value = [[6, 0, sorted(value.ids)]]
            elif value and kind in ("date", "datetime"):
                value = fields.Datetime.to_string(value)
            found[name] = value
        return found

    def _mfg_text(self, name, value):
        """A value in words, for the diff."""
        field = self._fields[name]
        if field.relational and field.comodel_name in self.env:
            ids = _ids_of(value)
            found = self.env[field.comodel_name].sudo().browse(ids).exists()
            return ", ".join(found.mapped("display_name"))[:MOST_CHARS]
        if field.type == "boolean":
            return self.env._("Yes") if value else self.env._("No")
        if field.type == "selection":
            return dict(field._description_selection(self.env)).get(value, value)
        return str(value)[:MOST_CHARS] if value not in (None, False, "") else False


def _ids_of(value):
    if isinstance(value, int) and not isinstance(value, bool):
        return [value]
    ids = []
    for command in value or ():
        if isinstance(command, list | tuple) and command:
            ids += command[2] if command[0] == 6 else [command[1]] if command[0] == 4 else []
    return ids


class MfgConnector(models.Model):
    _name = "mfg.connector"
    _inherit = ["mfg.connector", "mfg.controlled.mixin"]

    _mfg_controlled = frozenset(
        {
            "url", "allow_http", "allow_list", "verify_tls", "transport", "codec", "regulated",
        }
    )  # fmt: skip

    _mfg_control_create = False

    regulated = fields.Boolean(
        tracking=True,
        help="Its address, subscriptions, routes, schemas, credentials and retry policies change "
        "only when somebody else has approved the change.",
    )
    change_count = fields.Integer(compute="_compute_change_count")

    def _mfg_connectors(self):
        return self

    def action_retire(self):
        """For good, so that somebody else has to agree; pausing is anybody's who is in charge."""
        if not self.env.su:
            for connector in self.filtered(lambda c: c._mfg_is_regulated()):
                connector.check_access("write")
                connector._mfg_put_down("write", RETIRED)
        return super().action_retire()

    def _mfg_apply(self, values):
        return self.action_retire() if values == RETIRED else super()._mfg_apply(values)

    def _compute_change_count(self):
        counts = dict(
            self.env["mfg.change.request"]._read_group(
                [("connector_id", "in", self.ids)], ["connector_id"], ["__count"]
            )
        )
        for connector in self:
            connector.change_count = counts.get(connector, 0)

    def action_open_changes(self):
        """Open what was asked to be changed, and what became of it."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Changes of %s", self.name),
            "res_model": "mfg.change.request",
            "views": [(False, "list"), (False, "form")],
            "domain": [("connector_id", "=", self.id)],
        }


class MfgSubscription(models.Model):
    _name = "mfg.subscription"
    _inherit = ["mfg.subscription", "mfg.controlled.mixin"]

    _mfg_controlled = frozenset(
        {
            "event_type_ids", "filter_model", "filter_domain", "retry_policy_id", "on_dead",
            "ordering", "mode", "connector_id", "echo", "conflate", "local_action_id",
        }
    )  # fmt: skip

    def _mfg_controlled_names(self, vals):
        # Who is in charge can stop and go on; what was retired has lost its waiting messages.
        names = super()._mfg_controlled_names(vals)
        return names | RETIRED.keys() if RETIRED.items() <= vals.items() else names


class MfgInboxRoute(models.Model):
    _name = "mfg.inbox.route"
    _inherit = ["mfg.inbox.route", "mfg.controlled.mixin"]

    _mfg_controlled = frozenset(
        {
            "message_type", "handler", "codec", "schema", "external_id_pointer",
            "ordering_pointer", "retry_policy_id", "on_dead", "active", "synchronous",
            "dedupe_days",
        }
    )  # fmt: skip


class MfgEventType(models.Model):
    _name = "mfg.event.type"
    _inherit = ["mfg.event.type", "mfg.controlled.mixin"]

    _mfg_controlled = frozenset({"schema", "state"})
    _mfg_control_create = False

    def _mfg_connectors(self):
        return self.subscription_ids.connector_id


class MfgRetryPolicy(models.Model):
    _name = "mfg.retry.policy"
    _inherit = ["mfg.retry.policy", "mfg.controlled.mixin"]

    _mfg_controlled = frozenset({"schedule", "jitter", "rules"})
    _mfg_control_create = False

    def _mfg_connectors(self):
        # sudo: other companies use the policy as well.
        used = [("retry_policy_id", "in", self.ids)]
        subscriptions = self.env["mfg.subscription"].sudo().search(used)
        routes = self.env["mfg.inbox.route"].sudo().search(used)
        return subscriptions.connector_id | routes.connector_id


class MfgCredential(models.Model):
    _name = "mfg.credential"
    _inherit = ["mfg.credential", "mfg.controlled.mixin"]

    _mfg_controlled = frozenset(
        {
            "active", "valid_from", "valid_until", "scopes", "direction", "login", "header_name",
            "token_url", "token_scope", "token_auth", "kind",
        }
    )  # fmt: skip

    _mfg_control_create = False

    @api.model_create_multi
    def create(self, vals_list):
        """For a regulated connector, one that is not active yet: the change to approve is that it
        becomes so. A secret has no place in a request."""
        connectors = self.env["mfg.connector"]
        default = self.env.context.get("default_connector_id")
        for vals in vals_list:
            connector = connectors.browse(vals.get("connector_id", default)).exists()
            if not self.env.su and connector._mfg_is_regulated():
                vals["active"] = False
        return super().create(vals_list)

    def _store_secret(self, text):
        if self.active and not self.env.su and self._mfg_is_regulated():
            raise ValidationError(
                self.env._(
                    "The connector is regulated: replace this credential by another one, which "
                    "takes over once its activation is approved."
                )
            )
        # sudo: an open request, whoever asked for it
        waiting = (
            self.env["mfg.change.request"]
            .sudo()
            .search_count(
                [
                    ("model", "=", self._name),
                    ("res_id", "=", self.id),
                    ("state", "in", ("submitted", "approved")),
                ],
                limit=1,
            )
        )
        if waiting and not self.env.su:
            raise ValidationError(
                self.env._("Its activation waits for approval: the secret cannot change meanwhile.")
            )
        return super()._store_secret(text)

    def _rotate(self, overlap):
        if self.env.su or not self._mfg_is_regulated():
            return super()._rotate(overlap)
        self._check_manager()
        return self.copy({"valid_from": fields.Datetime.now(), "valid_until": False})
