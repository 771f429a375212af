"""A room full of sessions with recorders for connections: the protocol without any network."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from itertools import count
from typing import Any

import orjson

from revurb._speedups.frames import TEXT
from revurb.apps import App
from revurb.bus.local import LocalBus
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.dispatch import Dispatch
from revurb.pusher.ports import Work
from revurb.pusher.registry import AT_ONCE, AppState, Registry
from revurb.pusher.session import Session
from revurb.pusher.triggering import Trigger


class Recorder:
    """An outlet that keeps what is sent; `events()` opens it."""

    peer = "192.0.2.7:50123"

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.pings = 0
        self.closed_with: tuple[int, str] | None = None

    def send(self, frame: bytes) -> None:
        if self.closed_with is None:
            self.frames.append(frame)

    def ping(self) -> None:
        self.pings += 1

    def close(self, code: int, reason: str = "") -> None:
        self.closed_with = self.closed_with or (code, reason)

    def take(self) -> list[Any]:
        """The events sent since last asked, as JSON with `data` opened up."""
        events = [opened(frame) for frame in self.frames]
        self.frames.clear()
        return events


def opened(frame: bytes) -> Any:
    header = {126: 4, 127: 10}.get(frame[1], 2)
    event = orjson.loads(frame[header:])
    if isinstance(event.get("data"), str):
        with contextlib.suppress(orjson.JSONDecodeError):
            event["data"] = orjson.loads(event["data"])
    return event


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Client:
    """A session and what it was told."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.outlet = Recorder()
        session.opened(self.outlet)
        self.outlet.take()

    def say(self, message: object, now: float = 0.0, opcode: int = TEXT) -> list[Any]:
        """Send a message (bytes as they are, anything else as JSON); returns what was answered to this client."""
        payload = message if isinstance(message, bytes) else orjson.dumps(message)
        self.session.on_message(opcode, payload, now)
        return self.heard()

    def heard(self) -> list[Any]:
        return self.outlet.take()

    def subscribe(self, channel: str, channel_data: str | None = None) -> list[Any]:
        """Subscribe, signed as the application's auth endpoint would."""
        data: dict[str, object] = {"channel": channel}
        app = self.session.app_state.app
        text = f"{self.session.socket_id}:{channel}" + (
            f":{channel_data}" if channel_data is not None else ""
        )
        if channel.startswith(("private-", "presence-")):
            data["auth"] = f"{app.key}:{app.sign(text)}"
        if channel_data is not None:
            data["channel_data"] = channel_data
        return self.say({"event": "pusher:subscribe", "data": data})

    def sign_in(
        self, user_id: str, watchlist: Sequence[str] | None = None, *, now: float = 0.0, **more: Any
    ) -> list[Any]:
        """Sign in, with what the application's endpoint for users would answer."""
        user_data: dict[str, Any] = {"id": user_id, **more}
        if watchlist is not None:
            user_data["watchlist"] = watchlist
        data = self.session.app_state.app.authenticate_user(self.session.socket_id, user_data)
        return self.say({"event": "pusher:signin", "data": data}, now)


class Room:
    """A registry with a local bus; `client()` lets someone in."""

    def __init__(self, work: Work = AT_ONCE) -> None:
        self.clock = Clock()
        self.registry = Registry(work=work)
        self.dispatch = Dispatch(self.registry)
        self.bus = LocalBus(self.dispatch, MEMBER_EVENTS, self.clock)
        self.trigger = Trigger(self.bus, 1800)
        self._numbers = count(1)

    def state(self, app: App) -> AppState:
        return self.registry.state(app)

    def client(self, app: App) -> Client:
        assert self.bus.admit(app.id, None)
        return Client(Session(self.registry.state(app), f"1.{next(self._numbers)}", self.bus))


def an_app(**changes: Any) -> App:
    return App(**{"id": "app1", "key": "key1", "secret": "secret1", **changes})
