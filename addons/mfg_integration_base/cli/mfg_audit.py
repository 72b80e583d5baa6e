"""``odoo mfg_audit verify -d DB``: checks the audit trail from outside the web interface.

Loaded by Odoo's command line without this addon's package: models are reached through the registry.
"""

import argparse
import sys

from odoo import SUPERUSER_ID, api
from odoo.cli import Command
from odoo.exceptions import UserError
from odoo.modules.registry import Registry
from odoo.tools import config


class Mfg_Audit(Command):  # noqa: N801 - Odoo derives the command from the class: mfg_audit
    """Check the sealed audit trail of a database, from the first seal to the last.

    Exit status: 0 whole, 1 broken, 2 it could not be checked.
    """

    name = "mfg_audit"

    def run(self, cmdargs):
        parser = argparse.ArgumentParser(
            prog="odoo mfg_audit", description=self.__doc__, allow_abbrev=False
        )
        parser.add_argument("action", choices=["verify"])
        parser.add_argument("-d", "--database", required=True)
        parser.add_argument("-c", "--config", help="configuration file, default ODOO_RC")
        parser.add_argument(
            "--anchor",
            action="append",
            default=[],
            metavar="NUMBER:MARK",
            help="mark of a seal that was kept elsewhere; repeatable",
        )
        args = parser.parse_args(cmdargs)
        options = ["-d", args.database, "--no-http"]
        if args.config:
            options += ["-c", args.config]
        config.parse_config(options, setup_logging=True)
        sys.exit(_verify(args.database, args.anchor))


def _verify(database, anchors):
    """Print what was found; exit status."""
    with Registry(database).cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, {})
        if "mfg.audit.check" not in env:
            sys.stderr.write(f"mfg_audit: mfg_integration_base is not installed in {database}.\n")
            return 2
        check = env["mfg.audit.check"].new({"anchors": "\n".join(anchors)})
        try:
            found = env["mfg.audit.check"]._verify(check._parsed_anchors())
        except UserError as error:
            sys.stderr.write(f"mfg_audit: {error}\n")
            return 2
    if found["findings"]:
        sys.stdout.write(f"{found['findings']}\n")
    sys.stdout.write(
        "{state}: {seal_count} seals, {entry_count} entries, {erased_count} of them erased, "
        "{unsealed_count} not sealed yet\nNewest mark: {anchor}\n".format(
            state="BROKEN" if found["finding_count"] else "Whole", **found
        )
    )
    return int(bool(found["finding_count"]))
