"""The scenarios, by name. Each is one run of the generator; together they are what a Pusher server does all day."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One run. `figure` is what it is about, `unit` what that is in; `floor` names the figure of the C baseline that
    does the same to sockets, None where there is none. Closed-loop scenarios must keep the server busy to count."""

    name: str
    about: str
    figure: str
    unit: str
    options: tuple[str, ...]
    event_bytes: int = 100
    channels: int = 1
    whisper: bool = False
    publishes: bool = True
    floor: str | None = None
    closed_loop: bool = True


def _fanout(conns: int, size: int, window: int) -> Scenario:
    return Scenario(
        name=f"fanout-{conns}-{size}b-w{window}",
        about=f"{conns:,} subscribers, {size} B, {window} in flight",
        figure="cpu_us_per_delivery",
        unit="us/delivery",
        options=("--conns", str(conns), "--window", str(window), "--publishers", "8"),
        event_bytes=size,
        floor="one_in_flight_us" if window == 1 else "burst_one_send_us",
    )


# Memory comes first: a server that has had more connections keeps some of it.
SCENARIOS = (
    Scenario(
        name="idle",
        about="10,000 idle connections, one subscription each",
        figure="rss_bytes_per_conn",
        unit="bytes/connection",
        options=("--conns", "10000", "--hold", "1"),
        publishes=False,
        closed_loop=False,
    ),
    _fanout(1000, 100, 1),
    _fanout(1000, 100, 8),
    _fanout(1000, 1000, 1),
    _fanout(1000, 1000, 8),
    _fanout(5000, 100, 1),
    _fanout(5000, 100, 8),
    Scenario(
        name="whisper",
        about="client events, 1,000 connections, 8 in flight",
        figure="cpu_us_per_delivery",
        unit="us/delivery",
        options=("--conns", "1000", "--channel", "private-bench", "--window", "8"),
        whisper=True,
        floor="burst_one_send_us",
    ),
    Scenario(
        name="publish",
        about="HTTP publish, kept alive, one subscriber",
        figure="cpu_us_per_event",
        unit="us/event",
        options=("--conns", "1", "--window", "8", "--publishers", "4"),
    ),
    Scenario(
        name="connect",
        about="connect and subscribe",
        figure="cpu_us_per_connect",
        unit="us/connection",
        options=("--conns", "3000"),
        publishes=False,
        closed_loop=False,
    ),
    Scenario(
        name="latency",
        about="50 events/s to 1,000 subscribers, open loop",
        figure="p99_ms",
        unit="ms p99",
        options=("--conns", "1000", "--rate", "50", "--publishers", "8"),
        closed_loop=False,
    ),
    Scenario(
        name="presence",
        about="presence storm, 1,000 users join one channel",
        figure="cpu_us_per_connect",
        unit="us/join",
        options=("--conns", "1000", "--channel", "presence-bench", "--ramp", "50"),
        publishes=False,
        closed_loop=False,
    ),
    Scenario(
        name="channels",
        about="10,000 channels with 5 subscribers each",
        figure="cpu_us_per_event",
        unit="us/event",
        options=("--conns", "1000", "--channels", "10000", "--publishers", "8", "--window", "8"),
        channels=10_000,
    ),
    Scenario(
        name="slow",
        about="1,000 subscribers of which 50 do not read",
        figure="cpu_us_per_delivery",
        unit="us/delivery",
        options=("--conns", "1000", "--slow", "50", "--publishers", "8", "--window", "8"),
    ),
)
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
