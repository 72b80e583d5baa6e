"""The story that `./mfg demo --scenario mes` tells, in small: a plant's books and Odoo's agree."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.harness import databases
from tests.harness.server import OdooServer
from tests.scenarios.mes import PlantStory, Play
from tests.scenarios.narrative import Narrative

SMALL = Play(orders=12, ahead=9, minutes=18, speed=60, fails=("B2", 4, 8), cut=(10, 15), seed=11)


@pytest.fixture
def database(request: pytest.FixtureRequest, template: str) -> Iterator[str]:
    """One for each story: a plant is set up in it."""
    name = f"mfg_{request.node.name.partition('[')[0]}_{os.getpid()}"
    databases.create_from_template(name, template)
    yield name
    databases.drop(name)


def play(database: str, folder: Path, how: Play) -> str:
    lines: list[str] = []
    with OdooServer(database, folder) as server:
        PlantStory(server, folder / f"{how.seed}", Narrative(lines.append), how).run()
    return "\n".join(lines)


def test_a_small_plant_and_its_books(database, folder):
    """Every claim in the story is a count; one that does not agree raises."""
    story = play(database, folder, SMALL)
    for chapter in range(1, 6):
        assert f"\n{chapter}. " in story
    assert "fails (Equipment Failure)" in story
    assert "The network between plant and office is down." in story


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 9))
def test_a_small_plant_with_other_fortunes(database, folder, seed):
    assert "5. The plant sends its books" in play(database, folder, replace(SMALL, seed=seed))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 4))
def test_the_whole_plant_with_other_fortunes(database, folder, seed):
    assert "5. The plant sends its books" in play(database, folder, Play(seed=seed))
