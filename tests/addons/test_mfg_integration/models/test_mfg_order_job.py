from odoo import fields, models
from odoo.addons.mfg_integration_base.exceptions import JobCancelled, JobRetry
from odoo.addons.mfg_integration_base.tools.job import job
from odoo.exceptions import UserError


class MfgTestOrderJob(models.Model):
    """Methods that a test puts on the queue."""

    _inherit = "test.mfg.order"

    journal = fields.Text(readonly=True, default="")

    def note(self, text):
        """Not a job; what jobs leave behind."""
        for order in self:
            order.journal = f"{order.journal or ''}{text};"

    @job
    def job_note(self, text, *, twice=False):
        """Returns a text, which the message keeps."""
        for _n in range(1 + twice):
            self.note(text)
        return f"noted {text}"

    @job(lane="bulk")
    def job_in_bulk(self):
        self.note("bulk")

    @job
    def job_who(self):
        env = self.env
        self.note(
            f"{env.uid} {env.su} {env.company.id} {env.companies.ids} {env.lang}"
            f" {env.context.get('tz')}"
        )

    @job
    def job_fail(self, how):
        self.note("never kept")
        self.env.flush_all()
        if how == "user":
            raise UserError(self.env._("Not on a Sunday."))
        if how == "retry":
            raise JobRetry(3600, "The file is not there yet.")
        if how == "cancel":
            raise JobCancelled("Nothing to do.")
        raise ZeroDivisionError("a fault in the job")

    @job
    def job_steps(self, steps):
        for step in range(steps):
            self._mfg_job_progress(step, steps, f"step {step}")
            self.note(step)

    @job
    def job_next(self, text):
        """A job may enqueue."""
        self._mfg_enqueue("job_note", args=[text])

    @job
    def job_change(self, quantity):
        """A job may emit."""
        self.action_change(quantity)

    def job_unmarked(self):
        """Named like a job, and none."""
        self.note("must never run")


class MfgTestOrderJobRefined(models.Model):
    """As another addon would refine it."""

    _inherit = "test.mfg.order"  # pylint: disable=consider-merging-classes-inherited  # the point

    def job_in_bulk(self):
        """An override needs no mark of its own."""
        result = super().job_in_bulk()
        self.note("refined")
        return result
