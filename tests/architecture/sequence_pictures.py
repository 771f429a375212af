"""Draws the sequences of docs/channels.md as SVG: `make docs`.

Time goes down; each step is an arrow from one to another with what is said on it, or a note of one alone.
"""

from __future__ import annotations

from html import escape
from typing import NamedTuple

from tests.architecture.imports import ROOT

FOLDER = ROOT.parent / "docs"
COLUMN, STEP, TOP, BOX_HEIGHT, MARGIN = 250, 46, 70, 36, 20
BOX_WIDTH = 130
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328; text-anchor: middle }
  .who { font-weight: 600 }
  .says { font-family: ui-monospace, monospace; font-size: 12px }
  rect { fill: #f6f8fa; stroke: #57606a }
  path { stroke: #57606a; fill: none }
  .life { stroke-dasharray: 3 4 }
  marker path { fill: #57606a; stroke: none }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    rect { fill: #161b22; stroke: #8b949e }
    path { stroke: #8b949e }
    marker path { fill: #8b949e }
  }
"""


class Step(NamedTuple):
    """`sender` tells `receiver` something; they are the same for what one does alone."""

    sender: str
    receiver: str
    text: str


class Sequence(NamedTuple):
    """Who takes part, from left to right, and what happens, one after the other."""

    title: str
    parties: tuple[str, ...]
    steps: tuple[Step, ...]


PAGE, APP, SERVER, OTHER = "page", "your application", "Revurb", "another page"
SEQUENCES = {
    "sequence-publish.svg": Sequence(
        "A page subscribes, the application publishes an event, each subscriber gets it",
        (APP, SERVER, PAGE, OTHER),
        (
            Step(PAGE, SERVER, "pusher:subscribe orders"),
            Step(SERVER, PAGE, "subscription_succeeded"),
            Step(APP, SERVER, "POST /apps/1/events, signed"),
            Step(SERVER, PAGE, "created on orders"),
            Step(SERVER, OTHER, "created on orders"),
            Step(SERVER, APP, "200"),
        ),
    ),
    "sequence-private.svg": Sequence(
        "A page asks the application to sign, and subscribes with the signature",
        (APP, PAGE, SERVER),
        (
            Step(SERVER, PAGE, "connection_established, socket_id"),
            Step(PAGE, APP, "socket_id, private-orders"),
            Step(APP, APP, "may this user?"),
            Step(APP, PAGE, "auth: key:signature"),
            Step(PAGE, SERVER, "pusher:subscribe with auth"),
            Step(SERVER, SERVER, "is the signature right?"),
            Step(SERVER, PAGE, "subscription_succeeded"),
        ),
    ),
    "sequence-connection.svg": Sequence(
        "The server says hello, both ask now and then whether the other is there, and the server says goodbye",
        (PAGE, SERVER),
        (
            Step(PAGE, SERVER, "GET /app/KEY, Upgrade: websocket"),
            Step(SERVER, PAGE, "pusher:connection_established"),
            Step(PAGE, SERVER, "pusher:ping after 30 s of silence"),
            Step(SERVER, PAGE, "pusher:pong"),
            Step(SERVER, PAGE, "pusher:ping after 60 s of silence"),
            Step(PAGE, SERVER, "pusher:pong"),
            Step(SERVER, PAGE, "close 4200: I restart, come back"),
        ),
    ),
}


def draw_sequence(sequence: Sequence) -> str:
    """The picture, as SVG."""
    places = {name: MARGIN + BOX_WIDTH // 2 + number * COLUMN for number, name in enumerate(sequence.parties)}
    width = 2 * MARGIN + BOX_WIDTH + (len(places) - 1) * COLUMN
    height = TOP + len(sequence.steps) * STEP + MARGIN
    lines = [
        '<svg xmlns="http://www.w3.org/2000/svg" role="img" '
        f'viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<title>{escape(sequence.title)}</title><style>{STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 z"/></marker></defs>',
    ]
    for name, x in places.items():
        lines.append(f'<path class="life" d="M{x} {MARGIN + BOX_HEIGHT} V{height - MARGIN // 2}"/>')
        lines.append(
            f'<rect x="{x - BOX_WIDTH // 2}" y="{MARGIN}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6"/>'
        )
        lines.append(f'<text class="who" x="{x}" y="{MARGIN + 23}">{escape(name)}</text>')
    for number, (sender, receiver, text) in enumerate(sequence.steps):
        y, start, end = TOP + 30 + number * STEP, places[sender], places[receiver]
        if start == end:
            lines.append(f'<rect x="{start - 90}" y="{y - 22}" width="180" height="28" rx="14"/>')
            lines.append(f'<text x="{start}" y="{y - 3}">{escape(text)}</text>')
            continue
        direction = 1 if end > start else -1
        lines.append(f'<path marker-end="url(#tip)" d="M{start} {y} H{end - 3 * direction}"/>')
        beside = end - direction * COLUMN // 2  # above the end of a long arrow
        lines.append(f'<text class="says" x="{beside}" y="{y - 7}">{escape(text)}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def main() -> None:
    for name, sequence in SEQUENCES.items():
        (FOLDER / name).write_text(draw_sequence(sequence))
    print(f"revurb: drew {', '.join(SEQUENCES)}")


if __name__ == "__main__":
    main()
