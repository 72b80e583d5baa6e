from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..tools import interchange
from .mfg_trading_counter import LEVELS

IDENTITY_FIELDS = frozenset(
    {
        "connector_id", "standard", "usage", "our_qualifier", "our_id", "partner_qualifier",
        "partner_code",
    }
)  # fmt: skip
"""What a partner knows the agreement by: fixed while it is active."""

SYNTAX_ACKNOWLEDGEMENTS = {"x12": ("none", "997", "999"), "edifact": ("none", "contrl")}
DEFAULT_VERSIONS = {"x12": ("00401", "004010"), "edifact": ("UNOC:3", "D.96A")}


class MfgTradingAgreement(models.Model):
    """What two trading partners agreed on: who is who, which syntax, which documents, what is
    acknowledged and until when."""

    _name = "mfg.trading.agreement"
    _description = "Trading partner agreement"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "name, id"
    _check_company_auto = True

    name = fields.Char(required=True, tracking=True)
    connector_id = fields.Many2one(
        "mfg.connector", required=True, ondelete="restrict", index=True, tracking=True
    )
    company_id = fields.Many2one(related="connector_id.company_id", store=True)
    partner_id = fields.Many2one(
        "res.partner",
        string="Trading partner",
        required=True,
        ondelete="restrict",
        index=True,
        tracking=True,
        check_company=True,
    )
    state = fields.Selection(
        [("draft", "Draft"), ("active", "Active"), ("retired", "Retired")],
        required=True,
        default="draft",
        readonly=True,
        copy=False,
        tracking=True,
    )
    standard = fields.Selection(
        [("x12", "ANSI X12"), ("edifact", "UN/EDIFACT")],
        required=True,
        default="x12",
        tracking=True,
    )
    usage = fields.Selection(
        [("test", "Test"), ("production", "Production")],
        string="Indicator",
        required=True,
        default="test",
        tracking=True,
        help="ISA15, or the test indicator of UNB. The partner treats test documents as such.",
    )

    our_qualifier = fields.Char(
        string="Our qualifier", size=4, tracking=True, help="e.g. 01 (DUNS), 14 (GS1), ZZ"
    )
    our_id = fields.Char(string="Our interchange id", required=True, tracking=True)
    our_application = fields.Char(
        string="Our application code", help="GS02, or the internal id of UNB."
    )
    partner_qualifier = fields.Char(
        string="Partner's qualifier", size=4, tracking=True, help="e.g. 01 (DUNS), 14 (GS1), ZZ"
    )
    partner_code = fields.Char(string="Partner's interchange id", required=True, tracking=True)
    partner_application = fields.Char(
        string="Partner's application code", help="GS03, or the internal id of UNB."
    )

    syntax = fields.Char(
        string="Syntax version",
        required=True,
        compute="_compute_versions",
        store=True,
        readonly=False,
        precompute=True,
        tracking=True,
        help="X12: ISA12, e.g. 00401. EDIFACT: level and version, e.g. UNOC:3.",
    )
    release = fields.Char(
        string="Document release",
        required=True,
        compute="_compute_versions",
        store=True,
        readonly=False,
        precompute=True,
        tracking=True,
        help="X12: GS08, e.g. 004010. EDIFACT: directory, e.g. D.96A.",
    )
    element_separator = fields.Char(
        string="Element separator",
        size=1,
        compute="_compute_separators",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
    )
    component_separator = fields.Char(
        string="Component separator",
        size=1,
        compute="_compute_separators",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
    )
    segment_separator = fields.Char(
        string="Segment terminator",
        size=1,
        compute="_compute_separators",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
    )
    repetition_separator = fields.Char(
        string="Repetition separator",
        size=1,
        compute="_compute_separators",
        store=True,
        readonly=False,
        precompute=True,
    )
    release_character = fields.Char(
        string="Release character",
        size=1,
        compute="_compute_separators",
        store=True,
        readonly=False,
        precompute=True,
    )
    line_breaks = fields.Boolean(
        string="Line breaks", help="Write a line break after each segment terminator."
    )

    syntax_acknowledgement = fields.Selection(
        string="Syntax acknowledgement",
        selection=[
            ("none", "None"),
            ("997", "997 (functional)"),
            ("999", "999 (implementation)"),
            ("contrl", "CONTRL"),
        ],
        required=True,
        compute="_compute_acknowledgement",
        store=True,
        readonly=False,
        precompute=True,
        tracking=True,
        help="What the receiver of a document answers about its syntax.",
    )
    interchange_acknowledgement = fields.Boolean(
        string="TA1 requested",
        help="ISA14: the receiver answers with a TA1 about the interchange itself.",
    )
    transport_deadline = fields.Integer(
        string="Transport receipt within (min)", default=60, help="MDN, renamed file or HTTP 2xx."
    )
    syntax_deadline = fields.Integer(
        string="Syntax acknowledgement within (min)", default=1440, help="997, 999 or CONTRL."
    )
    business_deadline = fields.Integer(
        string="Business answer within (min)",
        default=2880,
        help="e.g. 855 or ORDRSP after an order. 0: none is expected.",
    )

    document_ids = fields.One2many(
        "mfg.trading.agreement.document", "agreement_id", string="Documents", copy=True
    )
    counter_ids = fields.One2many(
        "mfg.trading.counter", "agreement_id", string="Control numbers", copy=False
    )
    note = fields.Text()

    _active_uniq = models.UniqueIndex(
        "(standard, usage, (COALESCE(our_qualifier, '')), our_id,"
        " (COALESCE(partner_qualifier, '')), partner_code) WHERE state = 'active'",
        "Another active agreement already has these interchange ids, this standard and this "
        "indicator. Retire it first: an incoming document could not tell them apart.",
    )
    _deadlines = models.Constraint(
        "CHECK (transport_deadline > 0 AND syntax_deadline > 0 AND business_deadline >= 0)",
        "Deadlines are at least one minute; only the business answer may be 0 (none).",
    )

    # === Proposals that follow the standard === #

    @api.depends("standard")
    def _compute_versions(self):
        for agreement in self:
            agreement.syntax, agreement.release = DEFAULT_VERSIONS[agreement.standard]

    @api.depends("standard")
    def _compute_separators(self):
        for agreement in self:
            separators = interchange.DEFAULT_SEPARATORS[agreement.standard]
            agreement.element_separator = separators.element
            agreement.component_separator = separators.component
            agreement.segment_separator = separators.segment
            agreement.repetition_separator = separators.repetition
            agreement.release_character = separators.release

    @api.depends("standard")
    def _compute_acknowledgement(self):
        for agreement in self:
            agreement.syntax_acknowledgement = SYNTAX_ACKNOWLEDGEMENTS[agreement.standard][1]

    # === Checks === #

    @api.constrains(
        "standard", "our_qualifier", "our_id", "our_application", "partner_qualifier",
        "partner_code", "partner_application", "syntax", "release", "element_separator",
        "component_separator", "segment_separator", "repetition_separator", "release_character",
    )  # fmt: skip
    def _check_interchange(self):
        for agreement in self:
            standard, separators = agreement.standard, agreement._separators()
            level = agreement.syntax.partition(":")[0]
            checks = [
                (None, interchange.check_separators, (standard, separators)),
                (None, interchange.check_versions, (standard, agreement.syntax, agreement.release)),
            ]
            for side, prefix, code in (
                (self.env._("our side"), "our", agreement.our_id),
                (self.env._("partner"), "partner", agreement.partner_code),
            ):
                qualifier = agreement[f"{prefix}_qualifier"] or ""
                application = agreement[f"{prefix}_application"] or ""
                checks += [
                    (
                        side,
                        interchange.check_identity,
                        (standard, qualifier, code, separators, level),
                    ),
                    (side, interchange.check_application, (standard, application, separators)),
                ]
            for side, check, arguments in checks:
                try:
                    check(*arguments)
                except interchange.InterchangeError as error:
                    where = f"{agreement.name}, {side}" if side else agreement.name
                    raise ValidationError(
                        self.env._("%(where)s: %(error)s", where=where, error=error)
                    ) from error

    @api.constrains("our_qualifier", "our_id", "partner_qualifier", "partner_code")
    def _check_two_sides(self):
        for agreement in self:
            ours = (agreement.our_qualifier or "", agreement.our_id)
            if ours == (agreement.partner_qualifier or "", agreement.partner_code):
                raise ValidationError(
                    self.env._("%s: both sides have the same interchange id.", agreement.name)
                )

    @api.constrains("standard", "syntax_acknowledgement", "interchange_acknowledgement")
    def _check_acknowledgement(self):
        for agreement in self:
            wrong = (
                agreement.syntax_acknowledgement not in SYNTAX_ACKNOWLEDGEMENTS[agreement.standard]
            )
            if wrong or (agreement.standard == "edifact" and agreement.interchange_acknowledgement):
                raise ValidationError(
                    self.env._(
                        "%s: X12 is acknowledged with TA1 and 997 or 999, EDIFACT with CONTRL.",
                        agreement.name,
                    )
                )

    @api.constrains("standard")
    def _check_documents_fit(self):
        self.document_ids._check_code()

    # === Create, write === #

    @api.model_create_multi
    def create(self, vals_list):
        if any(vals.get("state", "draft") != "draft" for vals in vals_list):
            raise UserError(self.env._("Agreements start as drafts."))
        agreements = super().create(vals_list)
        self.env["mfg.trading.counter"].create(
            [
                {"agreement_id": agreement.id, "level": level}
                for agreement in agreements
                for level, _label in LEVELS
            ]
        )
        return agreements

    def write(self, vals):
        if "state" in vals:
            raise UserError(self.env._("Use the buttons to activate or retire an agreement."))
        for agreement in self:
            changed = {
                name
                for name in IDENTITY_FIELDS & vals.keys()
                if agreement._fields[name].convert_to_write(agreement[name], agreement)
                != vals[name]
            }
            if changed and agreement.state != "draft":
                raise UserError(
                    self.env._(
                        "%s: the interchange ids, the standard and the indicator of an agreement "
                        "in use cannot change. Retire it and make a new one.",
                        agreement.name,
                    )
                )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_only_draft(self):
        for agreement in self:
            if agreement.state != "draft":
                raise UserError(
                    self.env._(
                        "Agreement %s has been in use: retire it, documents refer to it.",
                        agreement.name,
                    )
                )

    def copy_data(self, default=None):
        return [
            {**vals, "name": self.env._("%s (copy)", agreement.name)}
            for agreement, vals in zip(self, super().copy_data(default=default), strict=True)
        ]

    # === Verbs === #

    def action_activate(self):
        """From now on documents are exchanged under this agreement."""
        for agreement in self:
            if agreement.state != "draft":
                raise UserError(self.env._("Agreement %s is not a draft.", agreement.name))
            if not agreement.document_ids:
                raise UserError(
                    self.env._(
                        "Agreement %s: list the documents that are exchanged first.", agreement.name
                    )
                )
            if agreement.connector_id.state == "retired":
                raise UserError(
                    self.env._(
                        "Agreement %(name)s: connector %(connector)s is retired.",
                        name=agreement.name,
                        connector=agreement.connector_id.name,
                    )
                )
        self._set_state("active")

    def action_retire(self):
        """No more documents are exchanged under this agreement. Final."""
        for agreement in self:
            if agreement.state == "retired":
                raise UserError(self.env._("Agreement %s is already retired.", agreement.name))
        self._set_state("retired")

    def _set_state(self, state):
        # Past write(), which refuses the state to everybody but these verbs.
        return super().write({"state": state})  # pylint: disable=super-method-mismatch

    # === For codecs and handlers === #

    def _separators(self):
        """The separators as ``tools.interchange.Separators``."""
        self.ensure_one()
        return interchange.Separators(
            element=self.element_separator or "",
            component=self.component_separator or "",
            segment=self.segment_separator or "",
            repetition=self.repetition_separator or "",
            release=self.release_character or "",
        )

    def _next_control_numbers(self, level, count=1):
        """``count`` fresh control numbers of ``level`` (interchange, group, message).

        Given within the caller's transaction: a rollback gives them back.
        """
        self.ensure_one()
        # sudo: whoever causes a document to be written need not be allowed to edit agreements.
        counter = self.sudo().counter_ids.filtered(lambda counter: counter.level == level)
        return counter._next(count)
