import base64

from odoo import fields, models
from odoo.exceptions import ValidationError

from ..models.mfg_message_dead import DIRECTIONS
from ..models.mfg_message_letters import Reading
from ..tools.jsonlines_export import LettersError, decode_lines


class MfgMessageImport(models.TransientModel):
    """Bring an exported file of dead messages back: changed payloads are edits, all are retried."""

    _name = "mfg.message.import"
    _description = "Import into the error queue"

    file = fields.Binary(attachment=False)
    file_name = fields.Char()
    reason = fields.Char()
    state = fields.Selection(
        [("draft", "Choose"), ("checked", "Checked"), ("done", "Done")],
        required=True,
        default="draft",
        readonly=True,
    )
    problems = fields.Text(readonly=True)
    summary = fields.Text(readonly=True)
    skipped = fields.Text(readonly=True)

    def action_check(self):
        """Read the file and say what importing it would do; changes nothing."""
        self.ensure_one()
        self._check_operator()
        readings = self._readings()
        self.state = "draft" if self.problems else "checked"
        self.summary = False if self.problems else self._summary(readings)
        return self._reopen()

    def action_import(self):
        """Import the file if every line is right; else list the problems and change nothing."""
        self.ensure_one()
        self._check_operator()
        if not (self.reason or "").strip():
            raise ValidationError(self.env._("Say why the messages are imported."))
        readings = self._readings()
        if self.problems:
            self.state = "draft"
            self.summary = False
            return self._reopen()
        summary = self._summary(readings)
        for model in DIRECTIONS.values():
            self._apply(model, [r for r in readings if r.message and r.message._name == model])
        self.write({"state": "done", "summary": summary, "file": False})
        return self._reopen()

    def action_done(self):
        """Close the dialog; the list behind it is read again."""
        return {"type": "ir.actions.act_window_close"}

    def _check_operator(self):
        self.env["mfg.outbox.message"]._check_operator()

    def _readings(self):
        """What each line means; ``problems`` and ``skipped`` are set."""
        self.problems = self.skipped = False
        if not self.file:
            raise ValidationError(self.env._("Choose the file to import."))
        try:
            letters = decode_lines(base64.b64decode(self.file))
        except LettersError as error:
            self.problems = str(error)
            return []
        if not letters:
            raise ValidationError(self.env._("The file holds no messages."))
        readings = [self._reading(line, letter) for line, letter in letters]
        self.problems = "\n".join(
            self.env._("Line %(line)s: %(problem)s", line=reading.line, problem=problem)
            for reading in readings
            for problem in reading.problems
        )
        self.skipped = "\n".join(
            self.env._("Line %(line)s: %(why)s", line=reading.line, why=reading.skipped)
            for reading in readings
            if reading.skipped
        )
        return readings

    def _reading(self, line, letter):
        message = self.env[DIRECTIONS[letter.direction]].search([("uuid", "=", letter.message_id)])
        if message:
            reading = message._read_letter(line, letter)
            why = reading.skipped and f"{letter.message_id} {reading.skipped}"
            return reading._replace(skipped=why)
        # Of another database or company, or gone: a file does not make messages.
        why = self.env._("%s is not known here", letter.message_id)
        return Reading(line, message, None, (), why)

    def _apply(self, model, readings):
        messages = self.env[model]
        edited = {r.message.id: r.payload for r in readings if r.payload is not None}
        unchanged = messages.browse(r.message.id for r in readings if r.payload is None)
        reason = self.reason.strip()
        if edited:
            messages.browse(edited)._edit_and_retry(edited, reason, act="import")
        if unchanged:
            unchanged._retry_because(reason)

    def _summary(self, readings):
        found = [reading for reading in readings if reading.message]
        return self.env._(
            "%(edited)s with a changed payload, %(same)s as they are, %(skipped)s passed over.",
            edited=sum(reading.payload is not None for reading in found),
            same=sum(reading.payload is None for reading in found),
            skipped=len(readings) - len(found),
        )

    def _reopen(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Import into the error queue"),
            "res_model": self._name,
            "res_id": self.id,
            "views": [(False, "form")],
            "target": "new",
        }
