from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from revurb.processes.gc_tuning import THRESHOLDS, tune_garbage_collector


@pytest.fixture
def collector() -> Iterator[None]:
    """Leaves the collector as it was."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_what_exists_is_left_out_of_later_collections(collector: None) -> None:
    tune_garbage_collector()
    assert gc.get_threshold() == THRESHOLDS
    assert gc.get_freeze_count() > 1000
