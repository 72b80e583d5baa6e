from odoo.addons.mfg_integration_base.tests.common import MfgCase
from odoo.addons.mfg_integration_base.tests.rights import RightsMixin
from odoo.tests import tagged

# Who may read, write, create, unlink. "user" is an internal user of none of our groups.
RIGHTS = """
model                viewer operator manager approver auditor service user
mfg.mes.progress     r      r        r       r        r       rwc     -
mfg.mes.increment    r      r        r       r        r       rwc     -
mfg.mes.state        r      r        r       r        r       rwc     -
mfg.mes.labor        r      r        r       r        r       rwc     -
mfg.mes.consumption  r      r        r       r        r       rwc     -
mfg.ownership.rule   r      r        rwcu    r        r       -       -
mfg.mes.cockpit      rwcu   rwcu     rwcu    rwcu     rwcu    -       -
mfg.mes.machine      r      r        r       r        r       rwc     -
mfg.downtime         r      r        r       r        r       rwc     -
mfg.downtime.impact  r      r        r       r        r       rwc     -
"""


@tagged("post_install", "-at_install")
class TestRights(RightsMixin, MfgCase):
    ADDON = "mfg_integration_mes"
    RIGHTS = RIGHTS
