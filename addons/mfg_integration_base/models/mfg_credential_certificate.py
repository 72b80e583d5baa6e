from datetime import datetime, timezone

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..exceptions import ConfigurationError
from ..tools import client_certificate
from ..tools.client_certificate import ClientCertificateError

KIND = "client_certificate"


class MfgCredential(models.Model):
    """TLS client certificates: by them a partner knows us before the first byte of a request.

    Certificate and key are one secret; who it is and how long it is valid everybody may see.
    """

    _inherit = "mfg.credential"

    kind = fields.Selection(
        selection_add=[(KIND, "TLS client certificate (PEM)")], ondelete={KIND: "cascade"}
    )
    certificate_subject = fields.Char(string="Subject", readonly=True, copy=False)
    certificate_issuer = fields.Char(string="Issuer", readonly=True, copy=False)
    certificate_serial = fields.Char(string="Serial number", readonly=True, copy=False)
    certificate_fingerprint = fields.Char(string="SHA-256", readonly=True, copy=False)

    @api.model
    def _kind_names(self):
        return {**super()._kind_names(), KIND: self.env._("TLS client certificate")}

    def _compute_direction(self):
        certificates = self.filtered(lambda c: c.kind == KIND)
        certificates.direction = "out"
        return super(MfgCredential, self - certificates)._compute_direction()

    @api.constrains("kind", "direction")
    def _check_certificate_direction(self):
        for credential in self:
            if credential.kind == KIND and credential.direction != "out":
                raise ValidationError(
                    self.env._(
                        "Credential %s: a client certificate is for sending only; choose the "
                        "direction Sending.",
                        credential.name,
                    )
                )

    def _check_secret(self, text):
        if self.kind != KIND:
            return super()._check_secret(text)
        certificate = client_certificate.parse(text)
        now = datetime.now(timezone.utc)
        # One that is not valid yet may wait here for its day.
        certificate.check_not_expired(now)
        begins, ends = _naive(certificate.not_before), _naive(certificate.not_after)
        # A later day that was chosen for the change stands.
        chosen = self.valid_from if self.valid_from > _naive(now) else begins
        return certificate.pem, {
            "certificate_subject": certificate.subject,
            "certificate_issuer": certificate.issuer,
            "certificate_serial": certificate.serial,
            "certificate_fingerprint": certificate.fingerprint,
            "valid_from": max(begins, min(chosen, ends)),
            "valid_until": ends,
        }

    def _secret_of(self, text):
        if self.kind != KIND:
            return super()._secret_of(text)
        try:
            return client_certificate.parse(text)
        except ClientCertificateError as error:
            raise ConfigurationError(
                self.env._("Credential %(name)s: %(error)s", name=self.name, error=error)
            ) from None

    def _client_certificate(self):
        """The newest ``ClientCertificate`` that is valid now; None if there is none at all.

        Engine only. A partner that is to get a certificate gets nothing without one: as long as
        one is configured, archived ones aside, the lack of a valid one is an error.

        :raises ConfigurationError: none of them can be used
        """
        mine = self.filtered(lambda c: c.active and c.kind == KIND)
        if not mine:
            return None
        now = datetime.now(timezone.utc)
        for _id, certificate in mine._valid_secrets(KIND, "out"):
            try:
                # The dates of the credential may have been widened by hand.
                certificate.check_valid(now)
            except ClientCertificateError:
                continue
            return certificate
        raise ConfigurationError(
            self.env._(
                "Connector %(name)s has no valid client certificate, and nothing is sent without: "
                "%(why)s. Store a valid one, or archive the credential if the partner does not "
                "ask for a certificate any more; then retry.",
                name=mine.connector_id.name,
                why="; ".join(credential._why_unusable(_naive(now)) for credential in mine),
            )
        )

    def _why_unusable(self, now):
        if not self.has_secret:
            return self.env._("%s is empty", self.name)
        if self.valid_from > now:
            return self.env._(
                "%(name)s is valid only from %(date)s UTC on", name=self.name, date=self.valid_from
            )
        if self.valid_until and self.valid_until <= now:
            return self.env._(
                "%(name)s expired on %(date)s UTC", name=self.name, date=self.valid_until
            )
        return self.env._("%s has expired", self.name)


def _naive(moment):
    """As Odoo keeps it: UTC, without a zone."""
    return moment.astimezone(timezone.utc).replace(tzinfo=None)
