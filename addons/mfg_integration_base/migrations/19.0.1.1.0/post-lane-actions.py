"""Lanes know all their scheduled actions."""

from odoo import SUPERUSER_ID, api


def migrate(cr, version):
    """Fill the list from the actions that there are."""
    if version:
        api.Environment(cr, SUPERUSER_ID, {})["mfg.lane"]._fit_all_actions()
