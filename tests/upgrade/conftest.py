from __future__ import annotations

from pathlib import Path

import pytest

from tests.upgrade.previous_version import build_previous


@pytest.fixture(scope="session")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the previous version, built. It takes half a minute: once for all tests."""
    return build_previous(tmp_path_factory.mktemp("previous"))
