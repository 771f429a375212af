"""Which releases of PHP Reverb are on the channel, as far as their messages tell, and in which form they may be asked.

Questions have two forms: one up to 1.6.3, another from 1.7.0 on. A node that is asked in the form of the others ends on
it. So nothing is asked that could be wrong for any node that was heard:

- an old question or answer shows an old node, whoever it comes from
- a new question shows that all are new: an old node that heard it is no more
- an application with acceptClientEventsFrom is of 1.8 or later; one without may be of 1.7 or of 1.6

What was heard counts until no PHP node is left.
"""

from __future__ import annotations

from enum import Enum
from typing import Literal


class PhpRelease(Enum):
    """The releases that a message can come from. OLD and NEW are also the forms of a question."""

    OLD = "up to 1.6.3"
    NEW = "1.7.0 or later"
    UNCLEAR = "1.7 or earlier"


class HeardReleases:
    """Made with what the operator says: "1.6" for all up to 1.6.3, "1.7" for all after it."""

    def __init__(self, declared: Literal["auto", "1.6", "1.7"] = "auto") -> None:
        self._declared = declared
        self._heard: set[PhpRelease] = set()
        self._are_all_new = False

    def hear(self, release: PhpRelease) -> None:
        """A message of this release was heard."""
        self._heard.add(release)

    def hear_new_question(self) -> None:
        """A PHP node has asked in the new form."""
        self._heard.add(PhpRelease.NEW)
        self._are_all_new = True

    def forget(self) -> None:
        """No PHP node is left."""
        self._heard.clear()
        self._are_all_new = False

    @property
    def form(self) -> PhpRelease | None:
        """The form in which all may be asked, OLD or NEW; None if there is none, or none is known."""
        has_old, has_new = PhpRelease.OLD in self._heard, PhpRelease.NEW in self._heard
        if self._declared == "1.6":
            return None if has_new else PhpRelease.OLD
        if self._declared == "1.7":
            return None if has_old else PhpRelease.NEW
        if has_old:
            return None if has_new else PhpRelease.OLD
        if has_new and (self._are_all_new or PhpRelease.UNCLEAR not in self._heard):
            return PhpRelease.NEW
        return None

    @property
    def why_none(self) -> str:
        """Why there is no `form`, and what the operator can do."""
        if PhpRelease.OLD in self._heard and PhpRelease.NEW in self._heard:
            return "releases before and after 1.7 are among them, and end on each other's questions"
        if self._declared != "auto":
            return f"one is not of the release that REVURB_SCALING_REVERB={self._declared} stands for"
        return "nothing has shown their release yet; REVURB_SCALING_REVERB=1.6 (up to 1.6.3) or 1.7 (later) says it"
