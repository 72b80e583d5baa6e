from odoo.addons.mfg_integration_base.tests.common import MfgCase


class EdiCase(MfgCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.edi_connector = cls.connector()
        cls.partner = cls.env["res.partner"].create({"name": "Supplier"})

    @classmethod
    def agreement(cls, **vals):
        """A draft X12 agreement with one document."""
        return cls.env["mfg.trading.agreement"].create(
            {
                "name": "Supplier, X12",
                "connector_id": cls.edi_connector.id,
                "partner_id": cls.partner.id,
                "our_qualifier": "ZZ",
                "our_id": "OURCOMPANY",
                "partner_qualifier": "01",
                "partner_code": "123456789",
                "document_ids": [(0, 0, {"direction": "out", "code": "850"})],
                **vals,
            }
        )

    @classmethod
    def edifact_agreement(cls, **vals):
        """A draft EDIFACT agreement with one document."""
        return cls.agreement(
            **{
                "name": "Supplier, EDIFACT",
                "standard": "edifact",
                "our_qualifier": "14",
                "our_id": "4012345000009",
                "partner_qualifier": "14",
                "partner_code": "4098765000010",
                "document_ids": [(0, 0, {"direction": "in", "code": "ORDERS"})],
                **vals,
            }
        )
