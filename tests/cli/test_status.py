"""The tables of `revurb status`. Which nodes a survey finds is in tests/node/test_cluster_survey.py."""

import asyncio
import io
import json
import tempfile
from pathlib import Path

import pytest
from rich.console import Console

from revurb.cli.status import cluster_summary, cluster_table, format_duration, format_lag
from revurb.node.cluster_status import NodeStatus
from revurb.processes.control_socket import (
    ControlReply,
    ControlRequest,
    ControlSocket,
    ProcessStatus,
    ServerStatus,
)
from tests.cli.local import run


def node(
    topics: int | None = 3,
    waiting: int | None = 0,
    lag_ms: float | None = 0.4,
    dropped: int | None = 0,
    missed: int | None = 0,
    invalid: int | None = 0,
    php_nodes: int | None = None,
) -> NodeStatus:
    figures = (topics, waiting, lag_ms, dropped, missed, invalid, php_nodes)
    return NodeStatus("a", 7, "0.1.0", 61.0, 12, "ready", *figures)


def printed(status: NodeStatus, colour: str | None = None) -> str:
    """The row of a node, with the escape sequences of a terminal if it has colours."""
    out = io.StringIO()
    console = Console(file=out, width=200, force_terminal=colour is not None, color_system=colour)  # type: ignore[arg-type]
    console.print(cluster_table([status]))
    _, row = out.getvalue().splitlines()
    return row


def test_each_figure_is_below_its_heading() -> None:
    assert printed(node(dropped=40, missed=2, waiting=5, lag_ms=2500.0, invalid=8)).split() == [
        "a", "7", "ready", "1m", "1s", "12", "3", "2.5", "s", "5", "42", "8", "0.1.0",
    ]  # fmt: skip


def test_a_node_of_an_older_version_leaves_them_open() -> None:
    assert printed(node(None, None, None, None, None, None)).split()[5:] == [
        "12", "-", "-", "-", "-", "-", "0.1.0",
    ]  # fmt: skip


def test_php_nodes_are_named_beside_ours() -> None:
    nodes = [node(), node(php_nodes=2), node(php_nodes=1)]
    assert cluster_summary(nodes) == "3 processes on 1 host, 36 connections, beside 2 PHP Reverb nodes"
    assert cluster_summary([node(php_nodes=0)]) == "1 process on 1 host, 12 connections"


def test_what_was_lost_and_a_long_lag_stand_out() -> None:
    quiet = printed(node(), "standard")
    assert "\x1b[31m" not in quiet
    assert "\x1b[33m" not in quiet
    assert "\x1b[31m1\x1b[0m" in printed(node(dropped=1), "standard")
    assert "\x1b[31m1\x1b[0m" in printed(node(invalid=1), "standard")
    assert "\x1b[33m1.5 s\x1b[0m" in printed(node(lag_ms=1500.0), "standard")


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(None, "-"), (0.0, "0.0 ms"), (0.44, "0.4 ms"), (9.94, "9.9 ms"), (31.4, "31 ms"), (2500.0, "2.5 s")],
)
def test_lag(milliseconds: float | None, text: str) -> None:
    assert format_lag(milliseconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.9, "0s"), (59, "59s"), (60, "1m 0s"), (3_725, "1h 2m"), (90_000, "1d 1h")],
)
def test_duration(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_texts_of_other_nodes_are_shown_as_they_are() -> None:
    row = printed(NodeStatus("[red]a\x9b\u202e\n", 7, "[b]1", 61.0, 12, "[/]", None, None, None, None, None))
    assert row.split() == [
        "[red]a\\x9b\\u202e\\n", "7", "[/]", "1m", "1s", "12", "-", "-", "-", "-", "-", "[b]1",
    ]  # fmt: skip


async def test_a_process_that_is_cut_off_is_shown_and_told_by_the_exit_code() -> None:
    processes = [
        ProcessStatus("worker 0", 71, "ready", 5.0, 2, 0, ""),
        ProcessStatus("worker 1", 72, "ready", 5.0, 2, 0, "hub disconnected"),
        ProcessStatus("hub", 70, "ready", 5.0, 0, 0),
    ]
    server = ServerStatus("0.1.0", 7, "127.0.0.1", 8080, "ready", 5.0, True, processes)

    async def answer(request: ControlRequest) -> ControlReply:
        return ControlReply(status=server)

    control = ControlSocket(answer)
    with tempfile.TemporaryDirectory(
        prefix="revurb-"
    ) as folder:  # short: the path of a Unix socket has 107 bytes
        await control.start(folder, 8080)
        result = await asyncio.to_thread(run, Path(folder), "status")
        as_json = await asyncio.to_thread(run, Path(folder), "status", "--json")
        processes[1].bus = ""
        healthy = await asyncio.to_thread(run, Path(folder), "status")
        control.close()
    assert [line.split()[3:-3] for line in result.output.splitlines()[2:]] == [
        ["ready", "ok"],
        ["ready", "hub", "disconnected"],
        ["-"],
    ]
    assert [process["bus"] for process in json.loads(as_json.output)[0]["processes"]] == [
        "", "hub disconnected", None,
    ]  # fmt: skip
    assert (result.exit_code, as_json.exit_code, healthy.exit_code) == (3, 3, 0)
