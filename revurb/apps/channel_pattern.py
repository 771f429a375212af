"""The patterns of `WebhookTarget.channels` and `HistoryRule.channels`: a name, or one with `*` for any text.

Names of channels come from clients and may be long, so matching takes time in proportion to the name, whatever the
pattern: a regular expression with several `.*` does not.
"""

from __future__ import annotations


class ChannelPattern:
    """One pattern, cut at its stars."""

    __slots__ = ("_first", "_inner", "_last")

    def __init__(self, pattern: str) -> None:
        self._first, *rest = pattern.split("*")
        self._last = rest.pop() if rest else None  # None: no star, so that the first is all
        self._inner = tuple(part for part in rest if part)

    def matches(self, channel: str) -> bool:
        if self._last is None:
            return channel == self._first
        if not channel.startswith(self._first) or not channel.endswith(self._last):
            return False
        begin, end = len(self._first), len(channel) - len(self._last)
        for part in self._inner:  # the leftmost place of each leaves the most to the next
            begin = channel.find(part, begin, end)
            if begin < 0:
                return False
            begin += len(part)
        return begin <= end
