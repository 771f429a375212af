"""What a new subscriber is told when the bus has counted it, in this order: the confirmation, with the members; what it
has missed, or that it does not get that; the last event of a cache channel, unless it has everything."""

from __future__ import annotations

from revurb.pusher import messages
from revurb.pusher.channel_name import ChannelName
from revurb.pusher.history import UNAVAILABLE, Resume
from revurb.pusher.ports import ChannelSnapshot
from revurb.pusher.session_state import SessionState


def confirm(session: SessionState, name: ChannelName, snapshot: ChannelSnapshot) -> None:
    """Tell a subscriber of a channel without history."""
    _send_confirmation(session, name, snapshot, b"")
    if name.cached:
        _send_last_event(session, name, snapshot)


def confirm_with_history(
    session: SessionState, name: ChannelName, snapshot: ChannelSnapshot, resume: Resume | None
) -> None:
    """Tell a subscriber where it is among the events of a channel, and with `resume` what it has missed."""
    replay, counters = snapshot.replay, session.app_state.counters
    _send_confirmation(session, name, snapshot, messages.resumed(replay, resume))
    if resume is not None and (replay is None or replay.failure):
        counters.resumes_failed_total += 1
        reason = UNAVAILABLE if replay is None else replay.failure
        session.outlet.send(messages.resume_failed_frame(name.text, reason))
    elif resume is not None and replay is not None:
        counters.resumes_total += 1
        counters.resumed_events_total += len(replay.events)
        for text in replay.events:
            session.outlet.send(messages.frame(text))
        return
    if name.cached:
        _send_last_event(session, name, snapshot)


def _send_confirmation(
    session: SessionState, name: ChannelName, snapshot: ChannelSnapshot, history: bytes
) -> None:
    if name.presence:
        texts = session.channels[name.text].member_texts
        assert texts is not None
        session.outlet.send(messages.joined_frame(name.text, texts.snapshot(snapshot.members), history))
    else:
        session.outlet.send(messages.subscribed_frame(name.text, history))


def _send_last_event(session: SessionState, name: ChannelName, snapshot: ChannelSnapshot) -> None:
    counters = session.app_state.counters
    if snapshot.cached is None:
        counters.cache_misses_total += 1
        session.outlet.send(messages.cache_miss_frame(name.text))
    else:
        counters.cache_hits_total += 1
        session.outlet.send(messages.frame(snapshot.cached))
