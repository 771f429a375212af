"""Every captured exchange, played on Revurb: Reverb's answer, or that of a row in docs/compatibility.md."""

from __future__ import annotations

import pytest

import revurb
from tests.golden import capture, stage
from tests.golden.compatibility import DOCUMENT, Differences, read_rows
from tests.golden.replay import Replay


@pytest.fixture(scope="module")
def differences() -> Differences:
    return Differences(read_rows(DOCUMENT.read_text()))


@pytest.mark.parametrize("name", capture.NAMES)
async def test_capture(name: str, differences: Differences) -> None:
    # The captured signatures are old, and in 08 somebody waits for a ping and for being pruned.
    apps = stage.APPS.values()
    async with revurb.Server(apps=apps, port=0, signature_max_age_s=0, pong_timeout_s=1.0) as server:
        findings = await Replay(server, differences).run(capture.load(name))
    assert not findings, "\n".join(["", *findings])


def test_every_documented_step_exists(differences: Differences) -> None:
    steps = {(name, exchange.step) for name in capture.NAMES for exchange in capture.load(name)}
    assert not differences.places - steps
