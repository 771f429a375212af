"""The version of the package: here, and nowhere else in the sources."""

from __future__ import annotations

__version__ = "0.1.0"
