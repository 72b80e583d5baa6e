from odoo import fields, models


class MfgMessageExport(models.TransientModel):
    """A file of messages of the error queue, until it is downloaded."""

    _name = "mfg.message.export"
    _description = "Export of the error queue"

    file = fields.Binary(attachment=False, readonly=True)
    file_name = fields.Char(readonly=True)

    def _download(self):
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/{self._name}/{self.id}/file/{self.file_name}?download=true",
            "target": "download",
        }
