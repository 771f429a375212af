"""Figures on their way over the link."""

from __future__ import annotations

import msgspec

from revurb.observe.figures import Row
from revurb.processes.reported_figures import MAX_LABEL_CHARS, MAX_ROWS, ReportedFigures, figure_parts
from revurb.processes.supervision_link import MAX_LINE_BYTES, FiguresPart


def carried(rows: list[Row]) -> tuple[list[int], ReportedFigures]:
    """The length of each line, and what arrives."""
    sizes, reported = [], ReportedFigures()
    for part in figure_parts(rows):
        assert not reported.rows
        line = msgspec.json.encode(part)
        sizes.append(len(line))
        reported.receive(msgspec.json.decode(line, type=FiguresPart))
    return sizes, reported


def test_all_numbers_arrive_as_they_are() -> None:
    rows: list[Row] = [
        ("connections", ("a",), [2**62]),
        ("process_cpu_seconds_total", (), [0.1]),
        ("loop_lag_seconds", (), [1, 2, 3, 0.25]),
    ]
    sizes, reported = carried(rows)
    assert len(sizes) == 1
    assert [(name, tuple(labels), numbers) for name, labels, numbers in reported.rows] == rows


def test_no_line_is_too_long_whatever_apps_are_called() -> None:
    """A quote takes two bytes in JSON, a control character six, and some others four."""
    for char in ("a", '"', "\x01", "\U0001f600"):
        rows: list[Row] = [
            (name, (char * 1000 + str(app), "public"), [1])
            for name in ("channels", "connections")
            for app in range(500)
        ]
        sizes, reported = carried(rows)
        assert max(sizes) < MAX_LINE_BYTES
        assert len(reported.rows) == len(rows)
        assert {len(labels[0]) for _, labels, _ in reported.rows} == {MAX_LABEL_CHARS}


def test_what_has_not_come_whole_does_not_count() -> None:
    reported = ReportedFigures()
    assert reported.age_s is None
    reported.receive(FiguresPart([("ready", [], [1])], is_last=True))
    reported.receive(FiguresPart([("ready", [], [2])]))
    assert [row[2] for row in reported.rows] == [[1]]
    assert (reported.age_s or 0.0) >= 0
    reported.receive(FiguresPart([], is_last=True))
    assert [row[2] for row in reported.rows] == [[2]]


def test_the_first_rows_count_where_there_are_too_many() -> None:
    reported = ReportedFigures()
    for number in range(3):
        reported.receive(FiguresPart([("ready", [str(number)], [1])] * (MAX_ROWS // 2)))
        assert not reported.rows
    reported.receive(FiguresPart([], is_last=True))
    assert len(reported.rows) == MAX_ROWS
    assert {tuple(labels) for _, labels, _ in reported.rows} == {("0",), ("1",)}
