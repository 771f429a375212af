"""Servers whose clocks differ, as those of several hosts may."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

ClockOffset: TypeAlias = Callable[
    [int], Mapping[str, str]
]  # seconds -> what makes a process's clock so far ahead
