"""What clients that sign in say and are told, for the tests of it."""

from __future__ import annotations

from typing import Any

from tests.pusher.room import Client, Room, an_app

APP = an_app()


def success(user_data: str) -> dict[str, Any]:
    return {"event": "pusher:signin_success", "data": {"user_data": user_data}}


def told(name: str, *user_ids: str) -> dict[str, Any]:
    events = [{"name": name, "user_ids": list(user_ids)}]
    return {"event": "pusher_internal:watchlist_events", "data": {"events": events}}


def refused(code: int, message: str) -> list[dict[str, Any]]:
    return [{"event": "pusher:error", "data": {"code": code, "message": message}}]


def say_signed(client: Client, user_data: str, **data: object) -> list[Any]:
    """Sign in with `user_data` as it is, signed as it should be."""
    signature = APP.sign(f"{client.session.socket_id}::user::{user_data}")
    return client.say(
        {"event": "pusher:signin", "data": {"auth": f"key1:{signature}", "user_data": user_data, **data}}
    )


def send_to(room: Room, user_id: str, data: str = '"hi"') -> None:
    room.trigger.send(APP, [f"#server-to-user-{user_id}"], "note", data)


def note(user_id: str) -> dict[str, Any]:
    return {"event": "note", "channel": f"#server-to-user-{user_id}", "data": "hi"}


def is_limited(client: Client) -> bool:
    return client.session.resubscriptions is not None


def leftovers(room: Room) -> tuple[object, ...]:
    state = room.state(APP)
    return state.users, state.channels, state.sessions, room.bus._state.apps, room.bus._state.connections


NOTHING: tuple[object, ...] = ({}, {}, {}, {}, {})
