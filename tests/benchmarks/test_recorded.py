"""What the README shows is what was recorded, whole and at a size that a README may have."""

from __future__ import annotations

import pytest

from benchmarks.load.readme import README, with_figures
from benchmarks.load.recording import RESULTS, Recording
from benchmarks.load.scenarios import SCENARIOS
from benchmarks.load.table import document, headlines

AGAIN = "record again, or draw again: python -m benchmarks.load --draw"


@pytest.fixture(scope="module")
def recording() -> Recording:
    return Recording.read(RESULTS / "load.json")


def test_every_scenario_is_on_record(recording: Recording) -> None:
    recorded = {result.scenario.name for result in recording.results}
    assert recorded >= {each.name for each in SCENARIOS if not each.thorough}
    assert not [result.failures for result in recording.results if "revurb" in result.failures]


def test_the_readme_shows_the_recorded_figures(recording: Recording) -> None:
    text = README.read_text()
    assert with_figures(text, recording) == text, AGAIN
    assert headlines(recording) in text


def test_the_table_is_that_of_the_recording(recording: Recording) -> None:
    assert (RESULTS / "load.md").read_text() == document(recording), AGAIN


def test_the_plot_is_small() -> None:
    plot = (RESULTS / "load.png").read_bytes()
    assert plot.startswith(b"\x89PNG")
    assert len(plot) < 200_000


def test_without_its_marks_the_readme_is_not_touched(recording: Recording) -> None:
    with pytest.raises(ValueError, match="lost its marks"):
        with_figures("# Revurb\n", recording)
