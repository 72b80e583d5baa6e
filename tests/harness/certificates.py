"""The base addon's test authorities, for tests that run without Odoo as well."""

import importlib.util
from pathlib import Path

_path = Path(__file__).resolve().parents[2] / "addons/mfg_integration_base/tests/certificates.py"
# By its path: the package around it imports Odoo.
_spec = importlib.util.spec_from_file_location("mfg_test_certificates", _path)
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)

Authority = _module.Authority
key_pem = _module.key_pem
