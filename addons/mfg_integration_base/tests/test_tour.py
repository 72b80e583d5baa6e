from urllib.parse import urlencode

from odoo.tests import tagged

from .common import MfgHttpCase
from .partner import Partner

APP = "/odoo/integration"


@tagged("post_install", "-at_install")
class TestTour(MfgHttpCase):
    """A person sets up a connector, sees a delivery and clears the error queue, in a browser.

    The partner is a real server on loopback; the lanes run between the tours.
    """

    def test_connector_delivery_and_retry(self):
        with Partner() as partner:
            query = urlencode({"partner": partner.url})
            self.start_tour(f"{APP}?{query}", "mfg_connector_create", login="admin")
            connector = self.env["mfg.connector"].search([("code", "=", "press-line")])
            self.assertEqual(connector.state, "active")
            self.assertTrue(connector.credential_ids.has_secret)

            self.drain()
            [first] = partner.received
            self.assertEqual(first.data["connector"], "press-line")
            self.start_tour(APP, "mfg_delivery_seen", login="admin")

            partner.script = [422]
            connector.with_user(self.env.ref("base.user_admin")).action_send_test_event()
            self.drain()
            message = self.env["mfg.outbox.message"].search(
                [("connector_id", "=", connector.id), ("state", "=", "dead")]
            )
            self.assertEqual(message.reason_code, "rejected_by_partner")
            self.start_tour(APP, "mfg_dead_message_retried", login="admin")

            self.env.invalidate_all()
            self.assertEqual(message.state, "pending")
            self.drain()
            self.assertEqual(message.state, "done")
            self.assertEqual(
                [request.message_id for request in partner.received[1:]],
                [message.uuid, message.uuid],
                "the retry carries the message id of the rejected attempt",
            )
