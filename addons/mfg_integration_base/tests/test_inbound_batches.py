import json

from odoo.tests import tagged

from ..tools.inbound_batch import MAX_MESSAGES
from .test_controllers import PING, REPORT, InboundCase

BATCH = "application/cloudevents-batch+json"
LINES = "application/jsonl"


def event(number, data=None, **changes):
    return {
        "specversion": "1.0",
        "id": f"e{number}",
        "source": "/line4",
        "type": "com.acme.report",
        "datacontenttype": "application/json",
        "data": {"report": f"R{number}", "lines": []} if data is None else data,
        **changes,
    }


@tagged("post_install", "-at_install")
class TestBatch(InboundCase):
    def send(self, body, content_type=BATCH, message_type=REPORT, **how):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.post(
            body=body, message_type=message_type, headers={"Content-Type": content_type}, **how
        )

    def results(self, response, status=202):
        self.assertEqual(response.status_code, status, response.text)
        return response.json()["results"]

    def messages(self, results):
        found = self.env["mfg.inbox.message"].search(
            [("uuid", "in", [result["id"] for result in results if "id" in result])]
        )
        return found.sorted("id")

    def test_each_event_is_a_message_of_its_own_in_the_order_of_the_batch(self):
        events = [event(n) for n in range(5)]
        results = self.results(self.send(events))
        messages = self.messages(results)
        self.assertEqual(messages.mapped("external_id"), ["e0", "e1", "e2", "e3", "e4"])
        self.assertEqual(messages.mapped("uuid"), [result["id"] for result in results])
        self.assertEqual({r["status"] for r in results}, {202})
        self.assertEqual([json.loads(m._raw_body()) for m in messages], events)
        self.assertEqual(set(messages.mapped("content_type")), {"application/cloudevents+json"})
        self.drain()
        self.assertEqual(set(messages.mapped("state")), {"done"})

    def test_one_that_is_wrong_does_not_stop_the_others(self):
        events = [event(0), event(1, {"report": 5}), event(2, id=""), event(3)]
        results = self.results(self.send(events), 207)
        self.assertEqual([r["status"] for r in results], [202, 422, 400, 202])
        self.assertEqual([r["place"] for r in results], ["/0", "/1", "/2", "/3"])
        problem = results[1]["problem"]
        self.assertEqual(problem["type"], "urn:mfg:problem:schema")
        self.assertEqual({error["pointer"] for error in problem["errors"]}, {"/lines", "/report"})
        self.assertEqual(self.messages(results).mapped("external_id"), ["e0", "e3"])

    def test_sent_again_it_gets_the_same_answers(self):
        first = self.results(self.send([event(0), event(1)]))
        self.drain()
        again = self.results(self.send([event(1), event(0), event(2)]))
        self.assertEqual([r["status"] for r in again], [200, 200, 202])
        self.assertEqual([again[1]["id"], again[0]["id"]], [r["id"] for r in first])
        self.assertEqual(again[0]["state"], "done")

    def test_twice_in_one_batch(self):
        other = event(0, {"report": "R9", "lines": []})
        results = self.results(self.send([event(0), event(0), other]), 207)
        self.assertEqual([r["status"] for r in results], [202, 202, 422])
        self.assertEqual(results[0]["id"], results[1]["id"])
        self.assertIn("conflict-id-reuse", results[2]["problem"]["type"])
        self.assertEqual(len(self.messages(results)), 1)

    def test_json_lines(self):
        """By the route's pointer; else by the place in the signed request."""
        body = b'{"report": "A", "lines": []}\n\n{"report": "B", "lines": []}\n'
        results = self.results(self.send(body, LINES, external_id="day-1"))
        self.assertEqual([r["external_id"] for r in results], ["day-1#line 1", "day-1#line 3"])
        self.report.external_id_pointer = "/report"
        results = self.results(self.send(body, LINES))
        self.assertEqual([r["external_id"] for r in results], ["A", "B"])

    def test_signed_bytes_are_one_message_whatever_they_are_called(self):
        """Neither address nor Content-Type is signed: a listener could send the same again."""
        body = b'{"report": "A", "lines": []}'
        first = self.post(body=body, message_type=REPORT, external_id="once")
        self.assertEqual(first.status_code, 202)
        before = self.stored()
        for content_type, message_type in ((LINES, REPORT), ("application/json", PING)):
            with self.subTest(content_type=content_type, message_type=message_type):
                response = self.send(body, content_type, message_type, external_id="once")
                self.assertEqual(response.status_code, 422, response.text)
        self.assertEqual(self.stored()[0], before[0], "nothing more to book")

    def test_a_signed_batch_is_not_a_batch_of_another_type(self):
        events = [event(n) for n in range(2)]
        self.results(self.send(events, external_id="b1"))
        before = self.stored()
        response = self.send(events, message_type=PING, external_id="b1")
        self.assertIn(response.status_code, (207, 422))
        self.assertEqual(self.stored()[0], before[0])
        self.results(self.send(events, external_id="b1"))  # sent again as it was

    def test_what_is_no_batch_is_refused_as_a_whole(self):
        cases = {
            "not an array": (event(0), 400, "malformed-body"),
            "broken": (b'[{"id":', 400, "malformed-body"),
            "empty": ([], 400, "malformed-body"),
            "too many": ([1] * (MAX_MESSAGES + 1), 413, "too-large"),
        }
        before = self.stored()
        for what, (body, status, slug) in cases.items():
            with self.subTest(what):
                self.assert_refused(self.send(body), status, slug, before)

    def test_a_signature_holds_for_the_whole(self):
        before = self.stored()
        response = self.send([event(0), event(1)], signed=json.dumps([event(0)]))
        self.assert_refused(response, 401, "unauthorized", before)

    def test_what_nobody_can_accept_is_207_as_well(self):
        results = self.results(self.send([5, {"id": "x"}]), 207)
        self.assertEqual([r["status"] for r in results], [400, 400])


@tagged("post_install", "-at_install")
class TestCloudEvent(InboundCase):
    def test_structured(self):
        response = self.post(
            event(7), message_type=REPORT, headers={"Content-Type": "application/cloudevents+json"}
        )
        message = self.message(response)
        self.assertEqual(message.external_id, "e7")
        self.drain()
        self.assertEqual(message.state, "done")

    def test_its_data_is_what_is_checked(self):
        before = self.stored()
        response = self.post(
            event(7, {"report": 1}),
            message_type=REPORT,
            headers={"Content-Type": "application/cloudevents+json"},
        )
        self.assert_refused(response, 422, "schema", before)

    def test_binary(self):
        """The attributes are headers, which nobody signed: the id is the signed one."""
        response = self.post(
            {"report": "R", "lines": []},
            message_type=REPORT,
            external_id="w-1",
            headers={
                "ce-specversion": "1.0", "ce-id": "e8", "ce-source": "/line4", "ce-type": "x",
            },
        )  # fmt: skip
        message = self.message(response)
        self.assertEqual(message.external_id, "w-1")

    def test_an_envelope_with_a_fault(self):
        before = self.stored()
        for changes in ({"specversion": "0.3"}, {"source": ""}, {"id": 5}):
            with self.subTest(**changes):
                response = self.post(
                    event(7, **changes),
                    message_type=PING,
                    headers={"Content-Type": "application/cloudevents+json"},
                )
                self.assert_refused(response, 400, "malformed-body", before)
