"""The story that `./mfg demo` tells, on a server of the test's own."""

from tests.harness.server import OdooServer
from tests.scenarios.foundation import Foundation
from tests.scenarios.narrative import Narrative


def test_the_demo_keeps_its_promises(database, folder):
    """Every claim in it is a count; one that does not agree raises."""
    lines = []
    with OdooServer(database, folder) as server:
        Foundation(server, folder, Narrative(lines.append)).run()
    story = "\n".join(lines)
    for chapter in range(1, 6):
        assert f"\n{chapter}. " in story
    assert "The books agree: " in story
