"""B2MML of real systems: read, or refused for the reason that the file was made for."""

import pytest

from odoo.addons.mfg_integration_base.tools.xml_reader import read_xml
from odoo.addons.mfg_integration_mes.tools.b2mml.nodes import B2mmlError
from odoo.addons.mfg_integration_mes.tools.b2mml.read import read

from tests.harness.corpora import samples

REFUSED = {
    "Neg_ProcessProductionSchedule_EndBeforeStart.xml": "LatestEndTime is before the time",
    "Neg_ProcessProductionSchedule_InvalidQuantityValue.xml": "'41fs.9' is not a number",
}


@pytest.mark.parametrize("path", samples("b2mml/examples", "*.xml"))
def test_a_sample(path):
    root = read_xml(path.read_bytes(), 64)
    if path.name in REFUSED:
        with pytest.raises(B2mmlError) as refused:
            read(root)
        assert REFUSED[path.name] in str(refused.value)
        assert refused.value.line
        return
    document = read(root)
    assert document["verb"] in ("Sync", "Process")
    assert document["created_at"].endswith("Z")
    if document["noun"] == "MaterialDefinition":
        [material] = document["resources"]
        assert (material["kind"], material["id"]) == ("MaterialDefinition", "CRBN0001")
    else:
        assert document["requests"]
        assert all(request["id"] for request in document["requests"])
        assert document["requests"][0]["segments"][0]["materials"]
