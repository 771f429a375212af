"""Rates between two looks at a server."""

from __future__ import annotations

from revurb.cli.load_sample import LoadRow, RateMeter, SeenProcess, SeenServer
from revurb.processes.process_load import ProcessLoad


def process(name: str, pid: int, at_s: float, *, is_partial: bool = False, **load: float) -> SeenProcess:
    told = ProcessLoad(name, pid, 0.0, **load)  # type: ignore[arg-type]
    return SeenProcess(name, pid, "ready", "", 2, at_s, told, is_partial)


def server(*processes: SeenProcess, total: SeenProcess | None = None) -> SeenServer:
    return SeenServer("0.1.0", "127.0.0.1:8080", "ready", 5.0, processes, total)


def rows_between(*looks: SeenServer) -> tuple[list[LoadRow], LoadRow]:
    meter = RateMeter()
    return [meter.rows(look) for look in looks][-1]


def test_rates_are_by_when_each_process_told_its_figures() -> None:
    before = server(process("worker 0", 1, 10.0, deliveries=100, cpu_s=1.0, lag_count=4, lag_sum_s=0.004))
    now = server(
        process(
            "worker 0",
            1,
            12.0,
            deliveries=500,
            cpu_s=2.0,
            lag_count=8,
            lag_sum_s=0.012,
            memory_bytes=9,
            channels=3,
        )
    )
    (row,), total = rows_between(before, now)
    assert (row.deliveries_per_s, row.cpu_share, row.lag_ms) == (200.0, 0.5, 2.0)
    assert (row.memory_bytes, row.channels) == (9, 3)
    assert (total.deliveries_per_s, total.connections) == (200.0, 2)


def test_all_are_summed_and_the_largest_lag_counts() -> None:
    before = server(process("worker 0", 1, 0.0), process("worker 1", 2, 0.0))
    now = server(
        process("worker 0", 1, 1.0, publishes=3, lag_count=1, lag_sum_s=0.001),
        process("worker 1", 2, 2.0, publishes=8, lag_count=1, lag_sum_s=0.005),
    )
    _, total = rows_between(before, now)
    assert (total.process, total.publishes_per_s, total.lag_ms) == ("total", 7.0, 5.0)


def test_a_process_that_has_just_come_has_no_rates() -> None:
    before = server(process("worker 0", 1, 0.0))
    (row,), total = rows_between(before, server(process("worker 0", 9, 1.0, deliveries=5)))
    assert row.deliveries_per_s is None
    assert total.deliveries_per_s is None
    assert rows_between(before)[1].deliveries_per_s is None


def test_of_a_partial_one_nothing_is_made_up() -> None:
    before = server(process("node", 1, 0.0, is_partial=True, cpu_s=1.0))
    (row,), total = rows_between(before, server(process("node", 1, 1.0, is_partial=True, cpu_s=1.25)))
    assert (row.cpu_share, row.deliveries_per_s, row.channels, row.queued_bytes) == (0.25, None, None, None)
    assert (total.cpu_share, total.deliveries_per_s, total.queued_bytes) == (0.25, None, None)


def test_a_total_that_is_told_is_not_added_up() -> None:
    before = server(process("worker 0", 1, 0.0), total=process("total", 0, 0.0))
    now = server(process("worker 0", 1, 1.0), total=process("total", 0, 1.0, deliveries=7))
    assert rows_between(before, now)[1].deliveries_per_s == 7.0


def test_who_looks_before_there_are_new_figures_gets_the_rates_of_before() -> None:
    meter = RateMeter()
    for at_s, deliveries in ((0.0, 0), (1.0, 50), (1.001, 50), (1.002, 50)):
        (row,), total = meter.rows(server(process("node", 1, at_s, deliveries=deliveries)))
    assert (row.deliveries_per_s, total.deliveries_per_s) == (50.0, 50.0)
    (row,), _ = meter.rows(server(process("node", 1, 2.0, deliveries=150)))
    assert row.deliveries_per_s == 100.0
