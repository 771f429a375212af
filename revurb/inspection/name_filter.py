"""Which names of channels and events somebody wants to see."""

from __future__ import annotations

from revurb.apps.channel_pattern import ChannelPattern


class NameFilter:
    """With "" every name matches, with `*` in the text those of its pattern, else those that the text is a part of."""

    __slots__ = ("_pattern", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._pattern = ChannelPattern(text) if "*" in text else None

    def matches(self, name: str) -> bool:
        return self.text in name if self._pattern is None else self._pattern.matches(name)
