"""What is on its way to a partner."""

from dataclasses import dataclass

from ..tools import answer_rules, per_item
from ..tools.batch_document import BatchError
from ..tools.outcome import Answer, Reject
from .mfg_transport import Prepared
from .outbox_settings import Policy, Route


@dataclass(slots=True)
class Flight:
    """What goes to a partner one request after the other: the messages of one key, or one batch.

    :param outgoings: an ``Outgoing`` for each claim, or why there is none
    :param at: how many of the claims are through; a batch goes as one
    """

    claims: list
    outgoings: list
    policy: Policy
    route: Route
    at: int = 0
    prepared: Prepared | None = None

    @property
    def id(self):
        return self.claims[0].attempt_id

    @property
    def connector_id(self):
        return self.claims[0].connector_id

    def outcomes(self, answer):
        """What the answer means for the messages it is about: ``[(Claimed, Outcome)]``."""
        rules = self.policy.rules
        if self.policy.batch is None:
            return [(self.claims[self.at], answer_rules.apply(rules, answer))]
        by_id = per_item.outcomes(answer, [outgoing.event.id for outgoing in self.good()])
        found = []
        for claim, outgoing in zip(self.claims, self.outgoings, strict=True):
            if isinstance(outgoing, str):
                outcome = Reject("prepare_failed", outgoing)
            else:
                outcome = answer_rules.apply(rules, _item_answer(answer, by_id[outgoing.event.id]))
            found.append((claim, outcome))
        return found

    def good(self):
        """What can be sent: some messages may be malformed."""
        return [outgoing for outgoing in self.outgoings if not isinstance(outgoing, str)]

    def prepare(self):
        """Prepare the next request; why that is not possible, as text, or None."""
        self.prepared = None
        if self.route.fault:
            return self.route.fault
        if self.policy.batch is None:
            outgoing = self.outgoings[self.at]
            if isinstance(outgoing, str):
                return outgoing
            self.prepared = self.route.prepare(outgoing)
            return None
        while good := self.good():
            try:
                self.prepared = self.route.prepare(good)
                return None
            except BatchError as error:  # these cannot be part of the document; the others can
                self.outgoings = [
                    o if isinstance(o, str) else error.problems.get(o.event.id, o)
                    for o in self.outgoings
                ]
        return self.outgoings[0]


def _item_answer(answer, outcome):
    """A batch's answer as far as it is about one event."""
    if outcome is answer.outcome:
        return answer
    return Answer(outcome, outcome.status, outcome.response, answer.duration_ms)
