"""The walk of every model of an addon x every group x every operation, shared by all addons."""

GROUPS = {
    name: f"mfg_integration_base.group_{name}"
    for name in ("viewer", "operator", "manager", "approver", "auditor", "service")
} | {"user": "base.group_user"}
"""Column of the table -> group; *user* is an internal user of none of ours."""

OPERATIONS = {"r": "read", "w": "write", "c": "create", "u": "unlink"}


def expected_rights(table):
    """``{(model, group): letters}`` of a table whose first line names the groups."""
    header, *rows = [line.split() for line in table.strip().splitlines()]
    return {
        (model, group): "".join(letter for letter in OPERATIONS if letter in rights)
        for model, *cells in rows
        for group, rights in zip(header[1:], cells, strict=True)
    }


class RightsMixin:
    """Beside ``MfgCase``; docs/security.md shows the tables of all addons."""

    ADDON = ""
    RIGHTS = ""

    def models_of_addon(self):
        """``(name, model)`` of each table that the addon brings."""
        for name, model in self.env.registry.items():
            if model._original_module == self.ADDON and not model._abstract:
                yield name, self.env[name]

    def test_rights_of_each_group_on_each_model(self):
        users = {group: self.user(xmlid) for group, xmlid in GROUPS.items()}
        found = {
            (name, group): "".join(
                letter
                for letter, operation in OPERATIONS.items()
                if model.with_user(user).has_access(operation)
            )
            for name, model in self.models_of_addon()
            for group, user in users.items()
        }
        self.maxDiff = None
        self.assertEqual(found, expected_rights(self.RIGHTS))

    def test_what_belongs_to_a_company_has_a_rule_for_everybody(self):
        readers = [self.user(xmlid) for xmlid in GROUPS.values()]
        for name, model in self.models_of_addon():
            if model._transient or not {"company_id", "connector_id"} & model._fields.keys():
                continue
            if not any(model.with_user(user).has_access("read") for user in readers):
                continue
            rules = self.env["ir.rule"].search(
                [("model_id.model", "=", name), ("groups", "=", False)]
            )
            with self.subTest(name):
                self.assertTrue(
                    any("company_ids" in (rule.domain_force or "") for rule in rules),
                    "no record rule keeps other companies out",
                )
