import threading
from unittest.mock import patch

from odoo.tests import tagged

from ..models import mfg_inbox_gateway_answer, mfg_inbox_limit
from .test_controllers import PING, InboundCase
from .test_inbound_batches import BATCH, event


@tagged("post_install", "-at_install")
class TestRate(InboundCase):
    def setUp(self):
        super().setUp()
        self.startPatcher(patch.object(mfg_inbox_limit, "_hands", {}))
        # So slow that no token comes while the test runs.
        self.ping.write({"rate_limit": 0.001, "rate_burst": 3})

    def test_a_burst_and_then_429(self):
        self.assertEqual([self.post().status_code for _ in range(3)], [202] * 3)
        response = self.post()
        self.assert_problem(response, 429, "rate-limited")
        self.assertGreater(int(response.headers["Retry-After"]), 100)
        self.assertEqual(
            self.post({"report": "R", "lines": []}, message_type="test.report.v1").status_code, 202
        )

    def test_all_servers_share_it(self):
        self.assertEqual([self.post().status_code for _ in range(2)], [202] * 2)
        mfg_inbox_limit._hands.clear()  # another process has nothing in hand
        self.assertEqual([self.post().status_code for _ in range(2)], [202, 429])

    def test_a_repetition_counts_as_well(self):
        statuses = [self.post(external_id="same").status_code for _ in range(4)]
        self.assertEqual(statuses, [202, 202, 202, 429])

    def test_a_batch_counts_for_its_messages(self):
        def send(count):
            return self.post(
                [event(n, {}) for n in range(count)], headers={"Content-Type": BATCH}
            ).status_code

        self.assertEqual([send(2), send(2), send(1)], [202, 429, 202])

    def test_a_large_batch_needs_a_full_bucket(self):
        headers = {"Content-Type": BATCH}
        response = self.post([event(n, {}) for n in range(10)], headers=headers)
        self.assertEqual(response.status_code, 202)
        self.assertEqual(self.post().status_code, 429)

    def test_what_is_taken_at_once_is_a_tenth_of_a_second(self):
        self.ping.write({"rate_limit": 100, "rate_burst": 50})
        self.post()
        [hand] = mfg_inbox_limit._hands.values()
        self.assertEqual(hand[0], 9)
        limit = self.env["mfg.inbox.limit"].search([("route_id", "=", self.ping.id)])
        self.assertAlmostEqual(limit.tokens, 40)


@tagged("post_install", "-at_install")
class TestSynchronous(InboundCase):
    def setUp(self):
        super().setUp()
        self.ping.write({"synchronous": True, "answer_seconds": 1})
        self.looks = []

    def book_at_look(self, number, do=None):
        """Book what waits when the gateway looks for the n-th time."""
        gateway = mfg_inbox_gateway_answer.MfgInboxGateway
        case = self

        class Clock:
            monotonic = staticmethod(mfg_inbox_gateway_answer.time.monotonic)

            @staticmethod
            def sleep(_seconds):
                case.looks.append(1)
                if len(case.looks) == number:
                    (do or case.book)()

        self.assertTrue(gateway)
        self.startPatcher(patch.object(mfg_inbox_gateway_answer, "time", Clock))

    def book(self):
        self.env["mfg.inbox.dispatcher"]._pump(
            self.ping.lane_id.id, "test", deadline=float("inf"), should_stop=lambda: False
        )

    def test_the_result_in_the_same_call(self):
        self.book_at_look(2)
        response = self.post(external_id="s1")
        self.assertEqual(response.status_code, 200, response.text)
        self.assertEqual(response.json()["result"], {"pong": True})
        self.assertEqual(self.post(external_id="s1").json(), response.json(), "the same again")
        self.assertEqual(len(self.looks), 2)

    def test_what_takes_longer_is_answered_as_usual(self):
        self.ping.answer_seconds = 1
        response = self.post()
        self.assertEqual(response.status_code, 202, response.text)
        self.drain()
        self.assertEqual(self.message(response).state, "done")

    def test_what_cannot_be_booked_says_so_and_is_kept(self):
        def bury():
            self.env.cr.execute(
                "UPDATE mfg_inbox_message SET state = 'dead', dead_at = now(),"
                " reason_code = 'unknown_reference',"
                " detail = 'There is no order 5 here.' WHERE connector_id = %s",
                [self.partner_connector.id],
            )

        self.book_at_look(1, bury)
        response = self.post()
        problem = self.assert_problem(response, 422, "rejected")
        self.assertEqual(problem["detail"], "There is no order 5 here.")
        # In a test, what a request stored goes with its refusal; else it is committed by then.
        self.assertRegex(problem["message_id"], "^[0-9a-f-]{36}$")

    def test_only_so_many_wait(self):
        taken = threading.BoundedSemaphore(1)
        taken.acquire()
        with patch.object(mfg_inbox_gateway_answer, "_waiting", taken):
            self.book_at_look(1)
            self.assertEqual(self.post().status_code, 202)
        self.assertFalse(self.looks)

    def test_a_batch_does_not_wait(self):
        self.book_at_look(1)
        response = self.post([event(0, {})], headers={"Content-Type": BATCH}, message_type=PING)
        self.assertEqual(response.status_code, 202)
        self.assertFalse(self.looks)
