from odoo import api, models
from odoo.exceptions import ValidationError


class MfgSubscription(models.Model):
    _inherit = "mfg.subscription"

    @api.constrains("connector_id", "event_type_ids", "mode", "state")
    def _check_encoded(self):
        """A subscription that could never send is refused, rather than its messages one by one."""
        for subscription in self.filtered(lambda s: s.state != "retired"):
            connector = subscription.connector_id
            codec = self.env["mfg.codec"]._mfg_resolve(connector.codec)
            format_name = dict(connector._fields["codec"]._description_selection(self.env))[
                connector.codec
            ]
            if subscription.mode != "real_time" and not codec._encodes_batches():
                raise ValidationError(
                    self.env._(
                        "Subscription %(name)s: messages in the format %(format)s go out one by "
                        "one only.",
                        name=subscription.name,
                        format=format_name,
                    )
                )
            unknown = [
                event_type.code
                for event_type in subscription.event_type_ids
                if not codec._encodes(event_type.code)
            ]
            if unknown:
                raise ValidationError(
                    self.env._(
                        "Subscription %(name)s: the format %(format)s has no message for "
                        "%(types)s. Take them out, or choose another format on the connector.",
                        name=subscription.name,
                        format=format_name,
                        types=", ".join(unknown),
                    )
                )
