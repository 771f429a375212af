"""The result of one check of `revurb doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mark = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`subject` is what was checked, `observation` its present state. `advice` is what the operator does about a mark
    other than "ok"; the command does not print it beside "ok"."""

    mark: Mark
    subject: str
    observation: str
    advice: str = ""
