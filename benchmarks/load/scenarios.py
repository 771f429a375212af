"""The scenarios, by name. Each is one run of the generator; together they are what a Pusher server does all day.

Nothing in them is random: names, sizes, order and pace are fixed, so that a run can be repeated elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Proof(Enum):
    """What shows that a figure is the server's and not the generator's; without it the figure is void."""

    BUSY = "the server wanted the CPU for 90 % of the time"
    OPENING_BUSY = "the same, while connections were opened"
    PACE = "the generator sent 99 % of what was due"
    NONE = "nothing was in a hurry: memory, or one operation at a time"


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table: `key` in the generator's answer, the unit it has there, and what it says. `floor` names
    the figure of the C baseline that does the same to sockets; `error` that of what this one may be wrong by, where it
    is a small difference of large ones. Headlines are shown in the README."""

    key: str
    unit: str
    about: str
    floor: str | None = None
    headline: bool = False
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One run of the generator, with `options`, and the figures that it is about.

    `fresh`: needs a server that has had no connections yet. `once`: one round is enough, for memory, which is always
    the same, and for what repeats itself. `thorough`: takes a minute, and is left out of the short form..
    """

    name: str
    figures: tuple[Figure, ...]
    options: tuple[str, ...]
    proof: Proof = Proof.BUSY
    event_bytes: int = 100
    channels: int = 1
    whisper: bool = False
    publishes: bool = True
    fresh: bool = False
    once: bool = False
    thorough: bool = False

    @property
    def presence(self) -> bool:
        return "presence-bench" in self.options

    @property
    def conns(self) -> int:
        return int(self.options[self.options.index("--conns") + 1])


def _fanout(conns: int, size: int, window: int) -> Scenario:
    floor = "one_in_flight_us" if window == 1 else "burst_one_send_us"
    about = f"delivery to {conns:,} subscribers, {size:,} B, {window} in flight"
    return Scenario(
        name=f"fanout-{conns}-{size}b-w{window}",
        figures=(Figure("cpu_us_per_delivery", "us", about, floor, headline=size == 100),),
        options=("--conns", str(conns), "--window", str(window), "--publishers", "8"),
        event_bytes=size,
    )


def _joins(name: str, *members: int, thorough: bool = False) -> Scenario:
    figures = []
    for count in members:
        channel = f"a presence channel of {count:,}"
        figures += [
            Figure(
                f"apart_us_{count}",
                "us",
                f"join {channel}, apart from the list of them",
                headline=True,
                error=f"apart_error_us_{count}",
            ),
            Figure(f"join_us_{count}", "us", f"join {channel} as one of them, list and all"),
            Figure(f"list_bytes_{count}", "bytes", f"the list of {count:,} members"),
            Figure(f"leave_us_{count}", "us", f"leave {channel}, another tab staying"),
            Figure(f"told_us_{count}", "us", f"join {channel} as somebody new, per member told"),
        ]
    conns = str(members[-1] + 1)
    numbers = ",".join(map(str, members))
    return Scenario(
        name=name,
        figures=tuple(figures),
        options=("--conns", conns, "--channel", "presence-bench", "--ramp", "500", "--members", numbers),
        publishes=False,
        proof=Proof.NONE,
        once=True,
        thorough=thorough,
    )


SCENARIOS = (
    Scenario(
        name="idle",
        figures=(
            Figure("rss_bytes_per_conn", "bytes", "memory of an idle connection, of 10,000", headline=True),
        ),
        options=("--conns", "10000", "--hold", "1"),
        publishes=False,
        proof=Proof.NONE,
        fresh=True,
        once=True,
    ),
    Scenario(
        name="disconnect",
        figures=(
            Figure("rss_before_bytes", "bytes", "memory before 10,000 connections"),
            Figure("rss_peak_bytes", "bytes", "memory with them"),
            Figure("rss_after_bytes", "bytes", "memory once all have left at once"),
            Figure(
                "rss_kept_bytes_per_conn",
                "bytes",
                "memory kept of each of 10,000 connections that have left",
                headline=True,
            ),
        ),
        options=("--conns", "10000", "--leave"),
        publishes=False,
        proof=Proof.NONE,
        fresh=True,
        once=True,
    ),
    _fanout(1000, 100, 1),
    _fanout(1000, 100, 8),
    _fanout(1000, 1000, 1),
    _fanout(1000, 1000, 8),
    _fanout(5000, 100, 1),
    _fanout(5000, 100, 8),
    Scenario(
        name="whisper",
        figures=(
            Figure(
                "cpu_us_per_delivery",
                "us",
                "delivery of a client event to 999 others, 8 in flight",
                "burst_one_send_us",
                headline=True,
            ),
        ),
        options=("--conns", "1000", "--channel", "private-bench", "--window", "8"),
        whisper=True,
    ),
    Scenario(
        name="publish",
        figures=(
            Figure("cpu_us_per_event", "us", "HTTP publish, kept alive, one subscriber", headline=True),
        ),
        options=("--conns", "1", "--window", "8", "--publishers", "4"),
    ),
    Scenario(
        name="connect",
        figures=(Figure("cpu_us_per_connect", "us", "connect and subscribe", headline=True),),
        options=("--conns", "3000"),
        publishes=False,
        proof=Proof.OPENING_BUSY,
    ),
    Scenario(
        name="latency",
        figures=(
            Figure("p50_ms", "ms", "latency, 50 events/s to 1,000 subscribers, p50", headline=True),
            Figure("p99_ms", "ms", "latency, 50 events/s to 1,000 subscribers, p99", headline=True),
            Figure("p999_ms", "ms", "latency, 50 events/s to 1,000 subscribers, p99.9"),
        ),
        options=("--conns", "1000", "--rate", "50", "--publishers", "8"),
        proof=Proof.PACE,
    ),
    Scenario(
        name="presence-storm",
        figures=(Figure("cpu_us_per_connect", "us", "1,000 users join one presence channel, per join"),),
        options=("--conns", "1000", "--channel", "presence-bench", "--ramp", "50"),
        publishes=False,
        proof=Proof.OPENING_BUSY,
    ),
    _joins("joins", 100, 1000),
    _joins("joins-10000", 10_000, thorough=True),
    Scenario(
        name="channels",
        figures=(
            Figure("cpu_us_per_event", "us", "publish to one of 10,000 channels with 5 subscribers each"),
        ),
        options=("--conns", "1000", "--channels", "10000", "--publishers", "8", "--window", "8"),
        channels=10_000,
    ),
    Scenario(
        name="slow",
        figures=(
            Figure("cpu_us_per_delivery", "us", "delivery to 950 subscribers, while 50 more do not read"),
        ),
        options=("--conns", "1000", "--slow", "50", "--publishers", "8", "--window", "8"),
    ),
)


def chosen(names: list[str], *, short: bool = False) -> list[Scenario]:
    """The scenarios of these names, or families of names (`fanout`); all if there are none.

    Raises ValueError naming what there is.
    """
    found: list[Scenario] = []
    for name in names:
        family = [each for each in SCENARIOS if each.name == name] or [
            each for each in SCENARIOS if each.name.startswith(f"{name}-")
        ]
        if not family:
            raise ValueError(
                f"no such scenario: {name}; there are {', '.join(each.name for each in SCENARIOS)}"
            )
        found += family
    return found or [each for each in SCENARIOS if not (short and each.thorough)]
