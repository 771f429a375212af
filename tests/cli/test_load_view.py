"""How the load of a server is shown."""

from __future__ import annotations

import io

import pytest
from rich.console import Console, RenderableType

from revurb.cli.load_sample import LoadRow, SeenServer
from revurb.cli.load_view import ASCII_BARS, LoadHistory, format_bytes, load_table, screen, sparkline

TOTAL = LoadRow("total", None, "ready", None, 1234, deliveries_per_s=10_000.4)
SERVER = SeenServer("0.1.0", "127.0.0.1:8080", "ready", 61.0, ())


def shown(renderable: RenderableType, width: int = 200) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(renderable)
    return out.getvalue()


def test_what_is_not_known_is_a_dash() -> None:
    row = LoadRow("worker 0", 7, "ready", "hub disconnected", 3)
    _, first, total = shown(
        load_table([row], TOTAL) if False else load_table([row, row], TOTAL)
    ).splitlines()[0:3]
    assert first.split() == ["worker", "0", "7", "ready,", "hub", "disconnected", "3", *["-"] * 9]
    assert total.split()[:3] == ["worker", "0", "7"]


def test_one_process_needs_no_total() -> None:
    assert "total" not in shown(load_table([LoadRow("node", 7, "ready", "", 3, deliveries_per_s=1.0)], TOTAL))
    of_an_admin_listener = LoadRow("node", 7, "ready", "", 3)
    assert "total" in shown(load_table([of_an_admin_listener], TOTAL))
    assert "1,234" in shown(load_table([], TOTAL))
    assert "10,000" in shown(load_table([], TOTAL))


def test_texts_of_a_server_are_no_markup() -> None:
    row = LoadRow("[red]x\x9b", 7, "ready", "", 3)
    assert "[red]x\\x9b" in shown(load_table([row], TOTAL))


def test_the_largest_is_the_highest() -> None:
    assert sparkline([0, 1, 4, 8]) == "▁▂▅█"
    assert sparkline([0, 0]) == "▁▁"
    assert sparkline([0, 8], ASCII_BARS) == "_#"
    assert sparkline([]) == ""


def test_a_screen_fits_narrow_and_wide_terminals() -> None:
    history = LoadHistory()
    for _ in range(100):
        history.rows.append(TOTAL)
    for width in (40, 80, 200):
        text = shown(
            screen(SERVER, [LoadRow("node", 7, "ready", "", 3)], TOTAL, history, ASCII_BARS, (width, 24)),
            width,
        )
        assert max(map(len, text.splitlines())) <= width
        assert "Revurb 0.1.0 on" in text
        assert "########" in text


def test_no_figure_is_cut_where_it_is_narrow() -> None:
    row = LoadRow(
        "worker 0",
        12345,
        "ready",
        "",
        12034,
        532,
        180_000.0,
        52.1,
        1000.0,
        25e6,
        300 << 20,
        0.93,
        1.2,
        123456,
    )
    for width in (50, 80, 100, 140):
        text = shown(load_table([row, row], row, width), width)
        assert "…" not in text, width
        assert "180,000" in text
        assert "93%" in text
        assert ("12345" in text) is (width == 140)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "-"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (33_000_000, "31 MiB"),
        (5e15, "4547 TiB"),
    ],
)
def test_bytes(count: float | None, text: str) -> None:
    assert format_bytes(count) == text


def test_the_total_is_shown_of_more_processes_than_lines() -> None:
    """What is not well comes first; the last minute is left out where there is no room for anything."""
    rows = [LoadRow(f"worker {number}", 7, "ready", "", 3) for number in range(64)]
    rows[60] = LoadRow("worker 60", 7, "ready", "hub disconnected", 3)
    for height, has_history in ((24, True), (10, False), (64, True)):
        text = shown(screen(SERVER, rows, TOTAL, LoadHistory(), ASCII_BARS, (120, height)), 120)
        lines = text.splitlines()
        assert len(lines) <= height
        assert lines[-1].startswith("q or Ctrl-C ends")
        assert "\ntotal " in text
        assert "worker 60 " in text
        assert ("at most" in text) is has_history
        listed = sum(line.startswith("worker ") for line in lines)
        assert f"and {64 - listed} more: revurb top --once lists all" in text
    text = shown(screen(SERVER, rows, TOTAL, LoadHistory(), ASCII_BARS, (120, 80)), 120)
    assert (text.count("worker "), "more:" in text) == (64, False)
