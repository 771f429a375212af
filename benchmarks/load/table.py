"""A recording as tables: all of it for the terminal and as Markdown, the headlines for the README."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from benchmarks.load.recording import Recording
from benchmarks.load.rounds import Result
from benchmarks.load.scenarios import Figure

TITLES = {"revurb": "Revurb", "uwebsockets": "uWebSockets", "centrifugo": "Centrifugo"}
MISSING = "-"
MOST_WITH_PROOF = 2  # servers for whose proofs a terminal has room; `void` stands where one is missing


def title(server: str) -> str:
    return TITLES.get(server, server)


def amount(value: float, unit: str) -> str:
    """A figure with its unit, in three digits or so: `6.12 us`, `2.3 KiB`."""
    if unit != "bytes":
        digits = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
        return f"{value:,.{digits}f} {unit}"
    for limit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if abs(value) >= limit:
            return f"{value / limit:.1f} {name}"
    return f"{value:.0f} B"


def full(recording: Recording) -> tuple[list[str], list[list[str]]]:
    """The header and the rows of every figure: the floor, each server's median, the first server's ratio to the floor
    and to the others, and what proves that the servers were the bottleneck."""
    servers = recording.servers
    header = ["scenario", "what", "floor", *map(title, servers), f"{title(servers[0])} / floor"]
    header += [f"{title(servers[0])} / {title(other)}" for other in servers[1:]] + ["proof"]
    rows = []
    for result in recording.results:
        for figure in result.scenario.figures:
            floor = result.floor_median(figure)
            row = [
                result.scenario.name,
                figure.about,
                MISSING if floor is None else amount(floor, figure.unit),
            ]
            row += [cell(result, server, figure) for server in servers]
            row.append(_times(result.ratio(servers[0], figure) if counts(result, servers[0]) else None))
            for other in servers[1:]:
                both = all(counts(result, server) for server in (servers[0], other))
                row.append(_times(result.ratio(servers[0], figure, other) if both else None))
            rows.append([*row, _proof(result, servers)])
    return header, rows


def cell(result: Result, server: str, figure: Figure) -> str:
    """A server's median, marked where it does not count."""
    value = result.median(server, figure)
    if value is None:
        return "failed" if server in result.failures else MISSING
    text = amount(value, figure.unit)
    error = result.error(server, figure)
    if error is not None:
        text = f"{value:,.0f} ± {max(1, error):,.0f} {figure.unit}"
    return text if result.evidence(server)[1] else f"void ({text})"


def counts(result: Result, server: str) -> bool:
    """Whether the figures of a server have their proof."""
    return bool(result.runs.get(server)) and result.evidence(server)[1]


def _times(ratio: float | None) -> str:
    return MISSING if ratio is None else f"{ratio:.2f}"


def _proof(result: Result, servers: list[str]) -> str:
    said = [(title(server), result.evidence(server)[0]) for server in servers if result.runs.get(server)]
    return ", ".join(f"{name} {proof}" for name, proof in said if proof)


def markdown(header: list[str], rows: list[list[str]], *, texts: int) -> str:
    """A Markdown table whose columns after the first `texts` are flush right."""
    marks = ["---"] * texts + ["--:"] * (len(header) - texts)
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, marks, *rows)) + "\n"


def caption(recording: Recording) -> str:
    """Under which circumstances, in a sentence or two."""
    said = recording.circumstances
    text = (
        f"Revurb {said['revurb']}, Python {said['python']}, {said.get('cores', 'one core')} of {said['cpu']}, "
        f"Linux {said['linux']}, {said['date']}; medians of {said['rounds']} rounds of {said['seconds']:g} s."
    )
    if not recording.quiet:
        text += " **Other programs used the machine meanwhile: take these figures for too high.**"
    return text


def document(recording: Recording) -> str:
    """The whole recording as a Markdown document."""
    header, rows = full(recording)
    text = f"# What operations cost\n\n{caption(recording)}\n\n{markdown(header, rows, texts=2)}"
    failures = [
        f"- {result.scenario.name} on {title(server)}: {' '.join(reason.split())[:300]}\n"
        for result in recording.results
        for server, reason in result.failures.items()
    ]
    return text + ("\nWhat failed:\n\n" + "".join(failures) if failures else "")


def headlines(recording: Recording) -> str:
    """What the README shows."""
    servers = recording.servers
    rows = []
    for result in recording.results:
        for figure in result.scenario.figures:
            if figure.headline:
                floor = result.floor_median(figure)
                cells = [cell(result, server, figure) for server in servers]
                rows.append([figure.about, cells[0], "" if floor is None else amount(floor, figure.unit)])
                rows[-1] += ["" if text == MISSING else text for text in cells[1:]]
    header = ["", title(servers[0]), "floor", *map(title, servers[1:])]
    return f"{markdown(header, rows, texts=1)}\n{caption(recording)}\n"


def print_table(recording: Recording) -> None:
    header, rows = full(recording)
    if len(recording.servers) > MOST_WITH_PROOF:
        header, rows = header[:-1], [row[:-1] for row in rows]
    table = Table(title=caption(recording))
    for number, name in enumerate(header):
        table.add_column(name, justify="left" if number < 2 or name == "proof" else "right")
    for row in rows:
        table.add_row(*row)
    Console(width=None if sys.stdout.isatty() else 200).print(table)
    for result in recording.results:
        for server, reason in result.failures.items():
            print(f"{result.scenario.name} on {server}: {' '.join(reason.split())[:300]}")
