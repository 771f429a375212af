"""Stage directions: what the captures leave unsaid.

A capture shows the frames, not who plays: which app a connection belongs to, when somebody leaves, who was
already there. Steps are counted from 0 in the JSON files. `PREPARE` happens silently before its step, `ACTS`
is an act of its own, whose consequences begin with its step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from revurb.apps import App, RateLimit
from tests.client import TEXT, encode_frame, handshake

APPS = {
    app.id: app
    for app in (
        App(id="app1", key="key1", secret="secret1"),
        App(id="app2", key="key2", secret="secret2"),
        App(id="app3", key="key3", secret="secret3", max_connections=1),
        App(id="app4", key="key4", secret="secret4", allowed_origins=("laravel.com", "*.example.com")),
        App(id="app5", key="key5", secret="secret5", rate_limit=RateLimit(max_attempts=3, decay_s=60)),
        App(
            id="app6",
            key="key6",
            secret="secret6",
            rate_limit=RateLimit(max_attempts=3, decay_s=60, terminate=True),
        ),
        App(id="app7", key="key7", secret="secret7", accept_client_events_from="none"),
        App(id="app8", key="key8", secret="secret8", accept_client_events_from="all"),
        App(id="app9", key="key9", secret="secret9", ping_interval_s=2, activity_timeout_s=2),
        App(id="app10", key="key10", secret="secret10", max_message_size_bytes=100),
    )
}


@dataclass(frozen=True, slots=True)
class Enter:
    """`who` connects anew to app1 and subscribes; the capture does not show it."""

    who: str
    channels: tuple[
        tuple[str, Mapping[str, Any] | None], ...
    ] = ()  # name, and the member on a presence channel
    socket_id: str | None = None  # as the capture quotes it


@dataclass(frozen=True, slots=True)
class Drop:
    """The TCP connection of `who` ends."""

    who: str


@dataclass(frozen=True, slots=True)
class Connect:
    """`who` connects, with this Origin if any."""

    who: str
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class Open:
    """`who` opens a connection with exactly these bytes."""

    who: str
    request: bytes


@dataclass(frozen=True, slots=True)
class Send:
    """`who` sends bytes that the capture only describes."""

    who: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Wait:
    """Time passes."""

    who: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """The server is told to stop, as SIGTERM does."""

    who: str = ""


Act = Drop | Connect | Open | Send | Wait | Stop
Preparation = Enter | Drop

APP_FROM: dict[str, dict[int, str]] = {
    "04-client-events": {82: "app7", 88: "app8"},
    "05-errors": {183: "app10"},
    "06-limits": {0: "app4", 26: "app3", 42: "app5", 63: "app6"},
    "08-ping-prune": {0: "app9"},
}

PREPARE: dict[str, dict[int, Sequence[Preparation]]] = {
    "01-success-routes": {
        0: (
            Enter(
                "A",
                (("pub", None), ("private-x", None), ("presence-r", {"user_id": "1"}), ("cache-c", None)),
                "90993390.687994709",
            ),
            Enter("B", (("presence-r", {"user_id": "2"}), ("pub", None))),
        ),
        26: (Enter("C"),),
        28: (Drop("A"), Drop("B"), Drop("C"), Enter("D", (("presence-r", {"user_id": "7"}),))),
    },
    "02-errors": {
        0: (Enter("A", (("pub", None),)),),
        68: (Enter("B", (("presence-nouid", {"user_info": {}}),)),),
        70: (Enter("C", (("presence-int", {"user_id": 5}),)),),
        71: (
            Drop("B"),
            Drop("C"),
            Enter(
                "A",
                tuple((name, None) for name in ("pub", "weird/chan", "sp ace", "émoji", "a,b;c=d@e.f")),
            ),
        ),
    },
    "02b-presence": {
        39: (Enter("A"), Enter("B"), Enter("C")),
        46: (Enter("A"), Enter("B"), Enter("C")),
        196: (Enter("A"),),
    },
    "02d-odd-subscribe": {51: (Enter("B", (("pub", None),)),)},
    "04-client-events": {82: (Drop("A"), Drop("B"), Drop("C"))},
}

_PING = encode_frame(TEXT, b'{"event":"pusher:ping"}')

ACTS: dict[str, dict[int, Act]] = {
    "02b-presence": {25: Drop("B"), 37: Drop("C")},
    "05-errors": {
        197: Send("A", bytes.fromhex("81fe1388") + bytes(4)),  # masked text, 16-bit length 5000
        199: Open("A", handshake("/app/key1") + _PING),
    },
    "06-limits": {31: Connect("C")},
    "08-ping-prune": {19: Wait(), 25: Wait()},
    "09-sigterm": {5: Stop()},
}

# What the capturing script did not read, and so does not show.
UNREAD: dict[str, dict[int, str]] = {"02b-presence": {41: "A", 43: "AB", 48: "A"}}

# How the request that waits for more bytes, or has too many, is completed; and the status that then answers.
COMPLETION: dict[str, dict[int, tuple[bytes, int]]] = {
    "02-errors": {82: (b"\r\nHost: x\r\n\r\n", 200)},
    "03-parsing": {
        27: (b'{"name":"e","channel":"pub","data":"1"}', 200),
        28: (b"\r\n\r\n", 400),
        31: (b"abc", 401),
    },
}

# Requests that went out in two segments: where the second begins.
SPLIT: dict[str, dict[int, bytes]] = {"03-parsing": {24: b'{"name"', 25: b"on=1.0"}}


def directions(
    name: str, steps: Sequence[Mapping[str, Any]]
) -> tuple[dict[int, Sequence[Preparation]], dict[int, Act]]:
    """The preparations and acts of one capture, those that follow a pattern included."""
    prepare, acts = dict(PREPARE.get(name, {})), dict(ACTS.get(name, {}))
    for number, step in enumerate(steps):
        text = step.get("text", "")
        if step["kind"] == "note" and text.startswith("Origin: "):
            origin = text.removeprefix("Origin: ")
            acts[number + 1] = Connect("A", None if origin == "None" else origin)
        elif step["kind"] == "note" and text.startswith("channel_data = "):
            # Each variant of a member has its own channel, with an observer on it, and leaves at the end.
            channel = f"presence-v{sum(1 for other in prepare.values() if _observed(other))}"
            observer = ((channel, {"user_id": "observer", "user_info": []}),)
            prepare[number + 1] = (Enter("obs", observer), Enter("A"))
        elif step.get("who") == "HTTP" and text.startswith("GET subscribers"):
            acts[number + 1] = Drop("A")
    return prepare, acts


def _observed(preparations: Sequence[Preparation]) -> bool:
    return any(isinstance(each, Enter) and each.who == "obs" for each in preparations)


def app_at(name: str, step: int) -> App:
    """The app that a connection of this capture belongs to, from this step on."""
    starts = [start for start in APP_FROM.get(name, {}) if start <= step]
    return APPS[APP_FROM[name][max(starts)] if starts else "app1"]
