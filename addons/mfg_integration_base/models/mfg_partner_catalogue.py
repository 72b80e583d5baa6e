import json

from odoo import api, models
from odoo.modules.module import Manifest

from ..tools import asyncapi, openapi
from ..tools.catalogue import Event, Route
from .cursors import own_env
from .inbox_exchange import Answer

SECURITY_KINDS = {
    "hmac": "hmac",
    "token": "bearer",
    "oauth2_client": "oauth2",
    "peer_certificate": "mtls",
}
"""Kind of an inbound credential -> kind of security in the document."""


class MfgCatalogue(models.AbstractModel):
    """What one partner may send and gets, as documents: its own, nobody else's."""

    _name = "mfg.catalogue"
    _description = "Interface documents"

    @api.model
    def _openapi(self, connector):
        """OpenAPI 3.1 of what the connector's partner may send (dict)."""
        kinds = {
            SECURITY_KINDS[credential.kind]
            for credential in connector.credential_ids
            if credential.kind in SECURITY_KINDS and credential.direction != "out"
        }
        return openapi.openapi(
            self.env._("Messages to %s", connector.company_id.name),
            self._version(),
            connector.get_base_url(),
            [self._route(route) for route in connector.inbox_route_ids],
            sorted(kinds) or ["hmac"],
        )

    @api.model
    def _asyncapi(self, connector):
        """AsyncAPI 3.0 of what the connector's partner gets (dict)."""
        types = connector.subscription_ids.filtered(lambda s: s.state != "retired").event_type_ids
        return asyncapi.asyncapi(
            self.env._("Events from %s", connector.company_id.name),
            self._version(),
            "",  # where the partner listens is its own business, and may hold a secret
            [self._event(event_type, connector) for event_type in types],
        )

    def _version(self):
        return Manifest.for_addon("mfg_integration_base").version

    def _route(self, route):
        codec = self.env["mfg.codec"]._mfg_resolve(route.codec)
        return Route(
            connector=route.connector_id.code,
            message_type=route.message_type,
            description=route.description or "",
            schema=route._effective_schema(),
            content_types=codec._content_types(),
            synchronous=route.synchronous,
            external_id_pointer=route.external_id_pointer or "",
            example=json.loads(route.example) if route.example else None,
            deprecated=route.deprecated_date or None,
            sunset=route.sunset_date or None,
            batch=True,
        )

    def _event(self, event_type, connector):
        codec = self.env["mfg.codec"]._mfg_resolve(connector.codec)
        return Event(
            code=event_type.code,
            description=event_type.description or "",
            schema=event_type._parse_json("schema") or {},
            example=event_type._parse_json("example"),
            deprecated=event_type.deprecated_date or None,
            sunset=event_type.sunset_date or None,
            content_type=codec._sent_as(connector=connector),
        )

    @api.model
    def _document(self, name, received):
        """The ``Answer`` to a partner that asks for ``openapi`` or ``asyncapi``.

        A signed request names its connector in the header ``mfg-connector``, and the document in
        its ``webhook-id``; of a token it is known.

        :raises Refused: not authentic, or not within the scopes
        """
        with own_env(self.env.registry) as env:
            gateway = env["mfg.inbox.gateway"]
            here = gateway._check_able()
            code = received.header("mfg-connector") or None
            caller = gateway._authenticate(code, received, question=name)
            gateway._check_activated(caller.connector, here)
            gateway._check_scope(caller, "read", "catalogue")
            return Answer(200, env["mfg.catalogue"]._documents()[name](caller.connector), {})

    def _documents(self):
        return {"openapi": self._openapi, "asyncapi": self._asyncapi}

    @api.model
    def _page(self, connector):
        """What the readable page shows of a connector (dict)."""
        types = connector.subscription_ids.filtered(lambda s: s.state != "retired").event_type_ids
        return {
            "connector": connector,
            "routes": [
                {
                    "route": route,
                    "schema": _pretty(route._effective_schema()),
                    "example": _pretty(json.loads(route.example)) if route.example else "",
                }
                for route in connector.inbox_route_ids.sorted("message_type")
            ],
            "events": [
                {
                    "type": event_type,
                    "schema": _pretty(event_type._parse_json("schema") or {}),
                    "example": _pretty(example) if example is not None else "",
                }
                for event_type in types.sorted("code")
                for example in [event_type._parse_json("example")]
            ],
        }


class MfgConnector(models.Model):
    _inherit = "mfg.connector"

    def action_open_docs(self):
        """Open the page that describes the interface for this partner."""
        self.ensure_one()
        return {"type": "ir.actions.act_url", "url": f"/mfg/docs/{self.id}", "target": "new"}


def _pretty(document):
    return json.dumps(document, indent=2, ensure_ascii=False)
