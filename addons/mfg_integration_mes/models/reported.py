"""What a shop-floor report says about the step that Odoo is just taking."""

from dataclasses import dataclass
from datetime import datetime

CONTEXT_KEY = "mfg_reported"

RELEASE_LATER = object()
"""Value of the context key ``mfg_release_later``: the caller releases the new orders itself. What
comes through RPC is JSON and never this object, so nobody else can keep a release secret."""


@dataclass(frozen=True, slots=True)
class Reported:
    """Travels in the context while a report is booked.

    Odoo's buttons book ``now()`` and, where nothing was made, the planned quantity. The models'
    ``write`` takes these instead. Only this process can make an instance, so no RPC call can.

    :param order_id: the order that is reported on
    :param good: good quantity of an operation in the order's unit, or None
    :param started_at: naive UTC, or None
    :param ended_at: naive UTC, or None
    """

    order_id: int
    good: float | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @staticmethod
    def of(env):
        """The instance in this environment's context, or None."""
        value = env.context.get(CONTEXT_KEY)
        return value if isinstance(value, Reported) else None
