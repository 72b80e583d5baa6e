from functools import partial

from odoo import api, models

from .wake import waker


class MfgWaker(models.AbstractModel):
    _name = "mfg.waker"
    _description = "Waker of the lanes' runners"

    @api.model
    def _wake(self, lanes, direction=""):
        """Wake the runners of ``lanes`` once this transaction is committed.

        Costs the caller a set update; see ``wake`` for what the thread does.

        :param direction: only those that send (``out``), book (``in``) or work here (``local``);
            the others would look in vain, at the time when this one is in a hurry
        """
        if not lanes:
            return
        postcommit = self.env.cr.postcommit
        woken = postcommit.data.get("mfg_integration.wake")
        if woken is None:
            woken = postcommit.data["mfg_integration.wake"] = set()
            postcommit.add(partial(waker.wake, self.env.cr.dbname, woken))
        woken.update((lane_id, direction) for lane_id in lanes.ids)
