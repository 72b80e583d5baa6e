import json
from dataclasses import dataclass

from odoo import models

DELIVERY_KEY = "mfg_delivery"
"""Context key of the event that is being delivered to a server action; see ``Delivery``."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event on its way into a server action. Like ``Cause``, no context from RPC can hold it.

    :param text: the CloudEvent in structured mode, as a partner gets it
    """

    text: str


class IrActionsServer(models.Model):
    _inherit = "ir.actions.server"

    def _get_eval_context(self, action=None):
        """``mfg_event``: the event's attributes and its ``data`` when one is being delivered."""
        context = super()._get_eval_context(action)
        delivery = self.env.context.get(DELIVERY_KEY)
        if isinstance(delivery, Delivery):
            context["mfg_event"] = json.loads(delivery.text)
        return context
