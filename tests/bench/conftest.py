from __future__ import annotations

from tests.cli.conftest import closed_port

__all__ = ["closed_port"]
