"""Servers whose clocks are apart, as those of several hosts may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

Apart: TypeAlias = Callable[[int], Mapping[str, str]]  # seconds -> what makes a process's clock so far ahead
