import base64
import csv
import hashlib
import io
import json
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import ValidationError

from ..models.mfg_message_queue import QUEUES, Share
from .test_outbox_dispatcher import OutboxCase

QUEUE = QUEUES["out"]


def results(*statuses):
    """A partner's answer that gives each event of a batch a status of its own, in their order."""

    def answer(request):
        items = zip(json.loads(request.body), statuses, strict=True)
        return 207, json.dumps([{"id": e["id"], "status": s} for e, s in items]).encode()

    return answer


class ModesCase(OutboxCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.things = cls.env["res.partner"].create([{"name": f"thing {n}"} for n in range(5)])

    def emit_all(self):
        """One event about each thing; the messages, in their order."""
        with self.capture_outbox() as outbox:
            self.things._mfg_emit(self.code, lambda thing: {"n": self.things.ids.index(thing.id)})
        return outbox.messages

    def bodies(self):
        return [json.loads(request.body) for request in self.partner.received]


class TestRuns(ModesCase):
    """A key with much behind it: taken some at a time, sent one after the other."""

    def test_a_hot_key_is_sent_in_order_in_few_claims(self):
        messages = self.emit(self.first, *range(30))
        queue = type(self.env["mfg.message.queue"])
        with patch.object(queue, "_claim", autospec=True, side_effect=queue._claim) as claims:
            self.drain()
        self.assertEqual(self.numbers(), list(range(30)))
        self.assertEqual(set(messages.mapped("state")), {"done"})
        self.assertEqual(set(messages.mapped("attempt_count")), {1})
        self.assertLess(len([c for c in claims.call_args_list if c.args[2]]), 10)

    def test_those_behind_a_failure_are_as_if_never_claimed(self):
        self.partner.script = [200, 200, 500]
        messages = self.emit(self.first, *range(6))
        self.drain()
        self.assertEqual(messages.mapped("state"), ["done", "done", "retrying", *["pending"] * 3])
        self.assertEqual(messages.mapped("attempt_count"), [1, 1, 1, 0, 0, 0])
        self.assertFalse(messages[3:].attempt_ids)
        self.make_due()
        self.drain()
        self.assertEqual(self.numbers(), [0, 1, 2, 2, 3, 4, 5])
        self.assertEqual(set(messages.mapped("state")), {"done"})
        self.assertFalse(self.env["mfg.outbox.key"].search([("owner_id", "=", self.subscriber.id)]))

    def test_those_behind_a_parked_one_wait(self):
        self.partner.script = [200, 400]
        messages = self.emit(self.first, *range(4))
        self.drain()
        self.assertEqual(messages.mapped("state"), ["done", "dead", "pending", "pending"])
        self.assertFalse(self.key_of(messages[1]).due_at)
        self.assertEqual(self.key_of(messages[1]).waiting, 3)

    def test_a_lost_run_goes_out_again_as_a_whole(self):
        messages = self.emit(self.first, 1, 2, 3)
        queue = self.env["mfg.message.queue"]
        self.env.flush_all()
        queue._admit(QUEUE, self.lane.id, 100)
        lost = queue._claim(QUEUE, {self.subscriber.id: Share(1, run=5)}, 1, "lost")
        self.assertEqual([claim.message_id for claim in lost], messages.ids)
        self.make_due()
        self.drain()
        self.assertEqual(self.numbers(), [1, 2, 3])
        self.assertEqual(
            [message.attempt_ids.sorted("id").mapped("outcome") for message in messages],
            [["lost", "delivered"]] * 3,
        )


class TestMicroBatch(ModesCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.subscriber.write({"mode": "micro_batch", "batch_size": 10, "linger_ms": 0})

    def test_several_events_in_one_request(self):
        messages = self.emit_all()
        self.drain()
        [request] = self.partner.received
        self.assertEqual(
            request.headers["content-type"],
            "application/cloudevents-batch+json; charset=utf-8",
        )
        self.assertEqual(
            {event["id"] for event in json.loads(request.body)},
            set(messages.event_id.mapped("uuid")),
        )
        self.assertEqual(set(messages.mapped("state")), {"done"})
        attempt = messages.attempt_ids
        self.assertEqual((len(attempt), attempt.message_count), (1, 5))
        self.assertEqual((attempt.outcome, attempt.http_status), ("delivered", 200))

    def test_no_request_is_larger_than_asked_for(self):
        self.subscriber.batch_size = 2
        self.emit_all()
        self.emit(self.first, 1, 2, 3)
        self.drain()
        self.assertTrue(all(len(body) <= 2 for body in self.bodies()))
        mine = [e["data"]["n"] for body in self.bodies() for e in body
                if e["subject"].endswith(f"/{self.first.id}")]  # fmt: skip
        self.assertEqual(mine, [1, 2, 3])

    def test_the_partner_may_judge_each_event(self):
        self.partner.script = [results(200, 422, 200, 503, 200)]
        messages = self.emit_all()
        self.drain()
        by_event = {message.event_id.uuid: message for message in messages}
        sent = [by_event[event["id"]] for event in self.bodies()[0]]
        self.assertEqual(
            [message.state for message in sent], ["done", "dead", "done", "retrying", "done"]
        )
        dead, waiting = sent[1], sent[3]
        self.assertEqual(dead.reason_code, "rejected_by_partner")
        self.assertEqual(waiting.reason_code, "server_error")
        own = dead.attempt_ids - sent[0].attempt_ids
        self.assertEqual((own.outcome, own.http_status), ("rejected", 422))
        self.make_due()
        self.drain()
        self.assertEqual(waiting.state, "done")
        self.assertEqual(len(self.bodies()[1]), 1)

    def test_what_failed_together_goes_together_again(self):
        self.partner.script = [503]
        messages = self.emit_all()
        self.drain()
        self.assertEqual(set(messages.mapped("state")), {"retrying"})
        self.emit(self.first, 99)
        self.make_due()
        self.drain()
        first, *others = self.partner.received
        again = [request for request in others if request.message_id == first.message_id]
        self.assertEqual([request.body for request in again], [first.body])
        self.assertEqual(set(messages.mapped("state")), {"done"})

    def test_it_waits_for_company_but_not_when_it_is_full(self):
        self.subscriber.write({"linger_ms": 60000, "batch_size": 6})
        self.emit(self.first, 1)
        self.drain()
        self.assertFalse(self.partner.received)
        self.emit_all()
        self.drain()
        self.assertEqual([len(body) for body in self.bodies()], [6])
        self.emit(self.second, 1)
        self.drain()
        self.assertEqual(len(self.bodies()), 1)
        self.env.cr.execute(
            "UPDATE mfg_outbox_key SET due_at = due_at - interval '1 hour' WHERE owner_id = %s",
            [self.subscriber.id],
        )
        self.drain()
        self.assertEqual([len(body) for body in self.bodies()], [6, 1])

    def test_a_malformed_event_does_not_take_the_others_along(self):
        with patch.object(type(self.first), "_mfg_subject", lambda _self: "res.partner/tab\there"):
            bad = self.emit(self.first, 1)
        good = self.emit_all()
        self.drain()
        self.assertEqual((bad.state, bad.reason_code), ("dead", "prepare_failed"))
        self.assertIn("subject", bad.attempt_ids.mapped("detail")[0])
        self.assertEqual(set(good.mapped("state")), {"done"})

    def test_a_fault_of_the_connector_is_that_of_all(self):
        self.sender.credential_ids.active = False
        messages = self.emit_all()
        self.drain()
        self.assertEqual(set(messages.mapped("reason_code")), {"prepare_failed"})
        self.assertIn("signing secret", messages[0].attempt_ids.detail)
        self.assertFalse(self.env["mfg.attempt"].search([("closed_at", "=", False)]))


class TestScheduled(ModesCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.subscriber.write(
            {
                "mode": "scheduled",
                "cron_expression": "0 6 * * *",
                "cron_timezone": "Europe/Berlin",
                "batch_size": 1000,
                "sum_pointer": "/data/n",
            }
        )

    def open_window(self):
        """The time of the next document has come."""
        past = fields.Datetime.now() - timedelta(seconds=5)
        self.env.cr.execute(
            "UPDATE mfg_outbox_key SET due_at = %s WHERE owner_id = %s",
            [past, self.subscriber.id],
        )
        self.env.cr.execute(
            "UPDATE mfg_subscription SET next_window_at = %s WHERE id = %s",
            [past, self.subscriber.id],
        )
        self.env.invalidate_all()

    def test_one_document_per_window_with_control_totals(self):
        messages = self.emit_all()
        self.drain()
        self.assertFalse(self.partner.received, "the window has not come")
        self.assertEqual(set(messages.mapped("state")), {"pending"})
        self.open_window()
        self.drain()
        [request] = self.partner.received
        self.assertEqual(request.headers["content-type"], "application/jsonl")
        lines = [json.loads(line) for line in request.body.splitlines()]
        self.assertEqual(sorted(line["data"]["n"] for line in lines), [0, 1, 2, 3, 4])
        self.assertEqual(request.headers["mfg-batch-count"], "5")
        self.assertEqual(request.headers["mfg-batch-sum"], "10")
        digest = base64.b64encode(hashlib.sha256(request.body).digest()).decode()
        self.assertEqual(request.headers["content-digest"], f"sha-256=:{digest}:")
        self.assertEqual(set(messages.mapped("state")), {"done"})
        self.assertGreater(self.subscriber.next_window_at, fields.Datetime.now())

    def test_what_comes_afterwards_waits_for_the_next_window(self):
        self.emit_all()
        self.drain()
        self.open_window()
        self.drain()
        late = self.emit(self.first, 1)
        self.drain()
        self.assertEqual((late.state, len(self.partner.received)), ("pending", 1))
        self.assertEqual(self.key_of(late).due_at, self.subscriber.next_window_at)

    def test_a_window_without_messages_is_passed_over(self):
        self.open_window()
        self.drain()
        self.assertFalse(self.partner.received)
        self.assertGreater(self.subscriber.next_window_at, fields.Datetime.now())

    def test_csv(self):
        self.subscriber.write({"batch_format": "csv", "csv_columns": "What=/subject\nN=/data/n"})
        self.emit_all()
        self.drain()
        self.open_window()
        self.drain()
        [request] = self.partner.received
        rows = list(csv.DictReader(io.StringIO(request.body.decode())))
        self.assertEqual(sorted(int(row["N"]) for row in rows), [0, 1, 2, 3, 4])

    def test_an_event_that_cannot_be_added_up_is_buried_alone(self):
        messages = self.emit_all()
        bad = self.emit(self.first, "many")
        self.drain()
        self.open_window()
        self.drain()
        self.assertEqual((bad.state, bad.reason_code), ("dead", "prepare_failed"))
        self.assertIn("not a number", bad.detail)
        self.assertEqual(set(messages.mapped("state")), {"done"})
        self.assertEqual(self.partner.received[0].headers["mfg-batch-count"], "5")

    def test_a_new_schedule_moves_what_waits(self):
        message = self.emit(self.first, 1)
        self.drain()
        self.subscriber.cron_expression = "* * * * *"
        self.env.invalidate_all()
        self.assertEqual(self.key_of(message).due_at, self.subscriber.next_window_at)
        self.subscriber.mode = "real_time"
        self.drain()
        self.assertEqual(message.state, "done")

    def test_bad_settings_are_refused_at_save(self):
        cases = [
            ({"cron_expression": "0 25 * * *"}, "Field 2"),
            ({"cron_expression": False}, "5"),
            ({"cron_timezone": "Mars/Olympus"}, "Time zone"),
            ({"batch_format": "csv", "csv_columns": "Order"}, "CSV columns.*Line 1"),
            ({"batch_format": "csv", "csv_columns": ""}, "CSV columns"),
            ({"sum_pointer": "data"}, "control total"),
        ]
        for values, message in cases:
            with (
                self.subTest(**values),
                self.assertRaisesRegex(ValidationError, message),
                self.env.cr.savepoint(),
            ):
                self.subscriber.write(values)
            self.env.invalidate_all(flush=False)


class TestConflate(ModesCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.subscriber.conflate = True

    def test_only_the_newest_is_sent(self):
        old, newest = self.emit(self.first, 1, 2, 3)[:2], self.emit(self.first, 4)
        other = self.emit(self.second, 5)
        self.drain()
        self.assertEqual(sorted(self.numbers()), [4, 5])
        self.assertEqual((newest.state, other.state), ("done", "done"))
        self.assertEqual([(m.state, m.reason_code) for m in old], [("cancelled", "superseded")] * 2)

    def test_a_newer_one_takes_the_place_of_one_that_failed(self):
        self.partner.script = [500]
        failed = self.emit(self.first, 1)
        self.drain()
        newest = self.emit(self.first, 2)
        self.drain()
        self.make_due()
        self.drain()
        self.assertEqual(self.numbers(), [1, 2])
        self.assertEqual((failed.reason_code, newest.state), ("superseded", "done"))

    def test_levels_need_order(self):
        with self.assertRaisesRegex(ValidationError, "in order per business object"):
            self.subscriber.ordering = "none"
