from collections.abc import Iterator

import pytest

from revurb.bus.brokered import paced_sender, sliced_steps


@pytest.fixture
def unhurried_turns() -> Iterator[None]:
    """A turn of the loop takes what there is, however busy the machine is."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sliced_steps, "SLICE_S", 10.0)
        patched.setattr(paced_sender, "TURN_S", 10.0)
        yield
