"""What a node that connects has reported to its broker so far: in parts (`StatePart`), which the `Hello` completes."""

from __future__ import annotations

from revurb.bus.brokered import broker_messages as m
from revurb.bus.ledger import ChannelKey

MAX_REPORT_BYTES = 256 * 1024 * 1024  # 100 bytes for each subscription: two million on one worker


class NodeReport:
    """`channels` has the newest report of each channel that has subscribers. `bytes` is the size of the parts so
    far."""

    __slots__ = ("bytes", "channels", "departed", "entrusted")

    def __init__(self) -> None:
        self.channels: dict[ChannelKey, m.ChannelReport] = {}
        self.departed: list[m.DepartedMember] = []
        self.entrusted: list[m.EntrustedMembers] = []
        self.bytes = 0

    def add(self, part: m.StatePart | m.Hello) -> None:
        """Add a part, but for its cached events. A channel that is reported again replaces its earlier report, unless
        it `continues` it."""
        for report in part.channels:
            key = (report.app_id, report.channel)
            before = self.channels.get(key)
            if report.continues and before is not None:
                before.members += report.members
                before.entering += report.entering
            elif report.count:
                self.channels[key] = report
            else:
                self.channels.pop(key, None)
        self.departed += part.departed
        self.entrusted += part.entrusted

    def has_user(self, app_id: str, channel: str, user_ids: dict[ChannelKey, set[str]], user_id: str) -> bool:
        """Whether the user is reported on the channel, or about to be entered. `user_ids` keeps what was looked up."""
        key = (app_id, channel)
        ids = user_ids.get(key)
        if ids is None:
            report = self.channels.get(key)
            ids = user_ids[key] = (
                set()
                if report is None
                else {member.user_id for member in report.members} | {*report.entering}
            )
        return user_id in ids
