from odoo.addons.mfg_integration_base.tests.common import MfgCase
from odoo.addons.mfg_integration_base.tests.rights import RightsMixin
from odoo.tests import tagged

# Who may read, write, create, unlink. "user" is an internal user of none of our groups.
RIGHTS = """
model                     viewer operator manager approver auditor service user
mfg.quality.hold          r      rwc      rwc     r        r       rwc     -
mfg.quality.hold.release  -      rwcu     rwcu    -        -       -       -
"""


@tagged("post_install", "-at_install")
class TestRights(RightsMixin, MfgCase):
    ADDON = "mfg_integration_quality"
    RIGHTS = RIGHTS
