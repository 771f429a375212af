"""Plans, limits and checks as tables of Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.load.recording import IDLE_ENOUGH
from benchmarks.load.table import markdown
from benchmarks.scaling.plan import AWAY_S, Plan
from benchmarks.scaling.workload import PROFILES

HEAD = [
    "connections", "processes", "hosts", "behind", "relay", "memory of a host", "egress of a host", "Redis shards",
    "for the load alone", "memory of a shard", "busiest shard", "partitions' room", "the hosts are decided by",
    "gives way first",
]  # fmt: skip
WIDTH = 118
ENOUGH = 100.0  # times: more says nothing


def plans(record: dict[str, Any]) -> str:
    """A table for each profile."""
    text = []
    for profile in PROFILES:
        rows = [_row(each) for each in record["plans"] if each["workload"] == profile.name]
        about = textwrap.fill(f"**{_capital(profile.name)}**: {profile.about}.", WIDTH)
        text.append(f"{about}\n\n{markdown(HEAD, rows, texts=1)}")
    if record["is_provisional"]:
        said = (
            "No relay is on record yet: what it costs is provisional (`PROVISIONAL_...` in "
            "benchmarks/scaling/costs.py)."
        )
        text.append(textwrap.fill(said, WIDTH) + "\n")
    return "\n".join(text)


def back(record: dict[str, Any]) -> str:
    """What all have to do who come back to Redis at once."""
    sizes = list(dict.fromkeys(each["connections"] for each in record["plans"]))
    rows = []
    for profile in PROFILES:
        same = [each for each in record["plans"] if each["workload"] == profile.name]
        rows.append([profile.name, *(f"{each['back_s']:,.1f} s" for each in same)])
    return markdown([f"away for {AWAY_S:.0f} s", *(f"{size:,}" for size in sizes)], rows, texts=1)


def one(plan: Plan) -> str:
    """For the terminal."""
    row = dict(zip(HEAD, _row(asdict(plan)), strict=True))
    lines = [f"{name:26} {value}" for name, value in row.items()]
    shares = ", ".join(
        f"{cause} {share:.0%}" for cause, share in plan.process_shares.items() if share >= 0.01
    )
    lines.append(f"{'CPU of a process':26} {plan.process.p99:.0%} (p99 of 5 s), of which {shares}")
    shares = ", ".join(f"{cause} {share:.0%}" for cause, share in plan.shard_shares.items() if share >= 0.01)
    lines.append(f"{'the busiest partition':26} {shares}")
    return "\n".join(lines)


def designs(found: dict[str, dict[str, float]], size: int) -> str:
    """How much more the busiest partition could do, as a factor; below 1 the workload cannot be carried."""
    names = list(next(iter(found.values())))
    rows = [[profile, *(_times(rooms[name]) for name in names)] for profile, rooms in found.items()]
    return markdown([f"{size:,} connections", *names], rows, texts=1)


def plain(rows: Sequence[Sequence[str]]) -> str:
    return markdown(list(rows[0]), [list(row) for row in rows[1:]], texts=1)


def checks(record: dict[str, Any]) -> str:
    rows = [
        [
            each["about"],
            f"{_figure(each['predicted'])} {each['unit']}",
            f"{_figure(each['measured'])} {each['unit']}",
            f"{each['predicted'] / each['measured'] - 1:+.0%}",
        ]
        for each in record["checks"]
    ]
    around = record["measured"]["across.json"]
    said = f"Costs: Revurb {around['revurb']}, {around['cpu']}, Linux {around['linux']}, {around['date']}."
    worst = max(abs(each["predicted"] / each["measured"] - 1) for each in record["checks"])
    said += f" Furthest off: {worst:.0%}."
    if min(around["idle_before"], around["idle_after"]) < IDLE_ENOUGH:
        said += "\n**Other programs used the machine while costs were measured: take them for too high.**"
    return f"{markdown(['', 'predicted', 'measured', 'error'], rows, texts=1)}\n{said}\n"


def _row(plan: dict[str, Any]) -> list[str]:
    carried = plan["room"] >= 1
    return [
        f"{plan['connections']:,}",
        f"{plan['processes']:,}",
        f"{plan['hosts']:,}",
        f"{plan['process']['behind_ms']:,.0f} ms",
        f"{plan['relay']['p99']:.0%}" if plan["relay"] else "none",
        _bytes(plan["host_bytes"]),
        _bits(plan["host_egress_bits_per_s"]),
        f"{plan['shards']:,}" if carried else f"**{plan['shards']:,} do not do**",
        f"{plan['shards_for_load']:,}",
        _bytes(plan["shard_bytes"]),
        f"{plan['shard']['p99']:.0%}",
        _times(plan["room"]),
        plan["limit"],
        plan["first"],
    ]


def _times(factor: float) -> str:
    if factor >= ENOUGH:
        return f"over {ENOUGH:.0f} x"
    text = f"{factor:.2g}" if factor < 10 else f"{factor:.0f}"
    return f"{text} x" if factor >= 1 else f"**{text} x**"


def _bytes(value: float) -> str:
    return f"{value / 1e9:,.1f} GB"


def _bits(value: float) -> str:
    if value < 1e9:
        return f"{value / 1e6:,.0f} Mbit/s"
    return f"{value / 1e9:,.1f} Gbit/s" if value < 1e10 else f"{value / 1e9:,.0f} Gbit/s"


def _figure(value: float) -> str:
    return f"{value:,.2f}" if value < 10 else f"{value:,.0f}"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
