from odoo import fields, models


class BenchMessage(models.Model):
    _name = "bench.message"
    _description = "Message as it came"

    body = fields.Text()
