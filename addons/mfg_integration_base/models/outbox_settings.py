"""The settings that a lane's sending works with."""

import time
import traceback
from dataclasses import dataclass

import psycopg2

from ..const import EXCERPT_CHARS
from ..exceptions import ConfigurationError
from ..tools.redact import excerpt

SETTINGS_TTL = 1.0
"""How long settings read from the database are believed, in seconds."""

PROBE_MARGIN = 10
"""How long after a call's time limit a probe counts as lost, in seconds."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a subscription says of its attempts.

    :param park: a dead message holds the later ones of its key
    :param batch: ``Batch`` where several messages share a request
    """

    schedule: object
    rules: tuple
    park: bool
    batch: object = None


@dataclass(frozen=True, slots=True)
class Route:
    """How messages of one connector are prepared and sent; or why they cannot be.

    :param patience: seconds after which a call that was not answered is lost
    """

    prepare: object = None
    sender: object = None
    fault: str = ""
    patience: float = 0.0


class Settings:
    """What a lane, its connectors and subscriptions say; read once in a while, not per message."""

    def __init__(self, env, lane_id):
        lane = env["mfg.lane"].browse(lane_id)
        self.batch_size = lane.batch_size
        self.concurrency = lane.concurrency
        self.fingerprint = env["mfg.environment"]._fingerprint_here()
        self._until = time.monotonic() + SETTINGS_TTL
        self._routes = {}
        self._policies = {}

    @property
    def stale(self):
        return time.monotonic() >= self._until

    def route(self, env, connector_id, batch=None):
        """The ``Route`` of a connector; its fault, if any, is that of each of its messages."""
        route = self._routes.get((connector_id, batch))
        if route is None:
            try:
                connector = env["mfg.connector"].browse(connector_id)
                transport = env["mfg.transport"]._mfg_resolve(connector.transport)
                if batch is None:
                    prepare = transport._preparer(connector=connector)
                else:
                    prepare = transport._batch_preparer(connector=connector, batch=batch)
                patience = connector.total_timeout + PROBE_MARGIN
                route = Route(prepare, transport._sender(), patience=patience)
            except psycopg2.Error:
                raise  # the database's fault, not the connector's: nothing is buried for it
            except ConfigurationError as error:  # says what to do: nobody needs to see where
                route = Route(fault=excerpt(str(error), EXCERPT_CHARS))
            except Exception:  # noqa: BLE001 - one connector's fault must not stop the others
                route = Route(fault=last_lines())
            self._routes[connector_id, batch] = route
        return route

    def policy(self, env, due):
        """The ``Policy`` of a subscription, for what was claimed in this mode; the default one if
        the subscription was deleted.

        :param due: ``Due``. The mode is that of the claim: what was claimed as one request goes out
            as one, whatever a person has changed since.
        """
        key = (due.id, due.mode, due.batch_size, due.conflate)
        policy = self._policies.get(key)
        if policy is None:
            subscription = env["mfg.subscription"].browse(due.id).exists()
            if subscription:
                retry = subscription.retry_policy_id
                policy = Policy(
                    retry._schedule(),
                    retry._answer_rules(),
                    subscription.on_dead == "park" and not due.conflate,
                    subscription._batch(due.mode, due.batch_size),
                )
            else:
                policy = Policy(env["mfg.retry.policy"]._default_schedule(), (), False)
            self._policies[key] = policy
        return policy


def last_lines():
    """The end of the current exception's traceback, for the attempt."""
    return excerpt(traceback.format_exc(limit=-6), EXCERPT_CHARS)
