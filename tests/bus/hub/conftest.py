from collections.abc import Iterator

import pytest

from revurb.bus import step_queue


@pytest.fixture(autouse=True)
def unhurried_turns() -> Iterator[None]:
    """A turn of the loop takes what there is, however busy the machine is. Tests of slices set TURN_S themselves."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(step_queue, "TURN_S", 10.0)
        yield
