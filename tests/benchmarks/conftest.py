from __future__ import annotations

import os
from collections.abc import Callable

import pytest


@pytest.fixture
def _two_cores(need: Callable[[str], str]) -> None:
    need("cc")
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one core for the server and one for the generator")
