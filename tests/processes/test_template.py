"""What `revurb serve --workers 2` forks from its templates, as seen in /proc."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from revurb.processes import template
from revurb.processes.control_socket import ControlRequest, ServerStatus
from revurb.processes.template_link import ForkRequest, ForkRequests
from tests.processes.serving import Serving, all_ready, serving, workers

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Serving]:
    environment = {"NOTIFY_SOCKET": "/none", "OF_THE_TEST": "1"}
    with serving(tmp_path, "--workers", "2", environment=environment) as server:
        yield server


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").replace("\0", " ")


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def named(status: ServerStatus) -> dict[str, int]:
    return {row.process: row.pid for row in status.processes if row.pid is not None}


def kib(pid: int, field: str) -> int:
    found = re.search(rf"^{field}: +(\d+) kB$", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def test_workers_and_hub_are_forked_children_of_the_supervisor(server: Serving) -> None:
    status = server.becomes(all_ready)
    found = named(status)
    # And no template is left: it is killed when the last of them is ready, which is told before it has ended.
    server.becomes(lambda _: sorted(children(status.pid)) == sorted(found.values()))
    assert {name: command_line(pid) for name, pid in found.items()} == {
        name: f"revurb: {name}" for name in ("worker 0", "worker 1", "hub")
    }
    for pid in found.values():
        variables = Path(f"/proc/{pid}/environ").read_text()
        assert os.getpgid(pid) == pid
        assert os.readlink(f"/proc/{pid}/fd/0") == os.devnull
        assert os.readlink(f"/proc/{pid}/cwd") == os.readlink(f"/proc/{status.pid}/cwd")
        assert "OF_THE_TEST=1" in variables
    assert "revurb serve" in command_line(status.pid)


def test_two_workers_their_hub_and_supervisor_take_47_mib(server: Serving) -> None:
    """Without the pages of files, of which other processes that run Python have a share."""
    status = server.becomes(all_ready)
    pids = [status.pid, *named(status).values()]
    assert sum(kib(pid, "Pss_Anon") for pid in pids) <= 47 * 1024
    assert all(kib(pid, "Shared_Dirty") > 8 * 1024 for pid in pids)


def test_a_worker_that_takes_the_place_of_a_dead_one_is_a_fresh_interpreter(server: Serving) -> None:
    victim = server.workers()[0].pid
    assert victim is not None
    os.kill(victim, signal.SIGKILL)
    status = server.becomes(lambda status: all_ready(status) and victim not in named(status).values())
    assert "-m revurb.processes.worker" in command_line(named(status)["worker 0"])
    assert command_line(named(status)["worker 1"]) == "revurb: worker 1"
    assert not re.search("template is lost", server.output)


def test_a_restart_forks_from_a_template_with_the_present_configuration(tmp_path: Path) -> None:
    toml = tmp_path / "revurb.toml"
    toml.write_text('[log]\nlevel = "error"\n')
    with serving(tmp_path, "--workers", "2") as server:
        before = named(server.becomes(all_ready))
        toml.write_text('[log]\nlevel = "debug"\n')
        assert server.request(ControlRequest("restart")).error is None
        status = server.becomes(lambda status: all_ready(status) and len(status.processes) == 3)
        after = named(status)
        assert after["hub"] == before["hub"]
        assert {command_line(row.pid) for row in workers(status) if row.pid is not None} == {
            "revurb: worker 0",
            "revurb: worker 1",
        }
        assert not {before["worker 0"], before["worker 1"]} & {after["worker 0"], after["worker 1"]}
        server.said("worker is ready", times=2)  # those of before did not say it
        assert sorted(children(status.pid)) == sorted(after.values())
        assert kib(after["worker 0"], "Shared_Dirty") > 8 * 1024


def fail(*arguments: object) -> None:
    raise OSError("no descriptor is left")


def test_a_forked_process_whose_error_nobody_reads_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would go on as a second template, without a link."""
    reading, writing = os.pipe()
    os.close(reading)
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if not pid:
        try:
            monkeypatch.setattr(sys, "__stderr__", os.fdopen(writing, "w", buffering=1))
            monkeypatch.setattr(template, "_prepared", lambda request, config: None)
            monkeypatch.setattr(template, "fork_orphan", lambda: None)  # this is what was forked
            monkeypatch.setattr(template, "become", fail)
            template._fork(ForkRequest("hub", (), (), "hub"), (), ForkRequests(theirs), template._read_config)  # type: ignore[arg-type]
        finally:
            os._exit(7)
    os.close(writing)
    ours.close()
    theirs.close()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
