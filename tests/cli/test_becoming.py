"""The process of `revurb serve --workers 2` becomes a supervisor, or goes on as one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.processes.serving import PATIENCE_S, all_ready, launched, serving

HOLDS = """
    import os, signal, sys
    from revurb.processes import start_signals

    start_signals.hold()
    os.kill(os.getpid(), signal.SIGTERM)
    os.execv(sys.executable, [sys.executable, "-c", sys.argv[1]])
"""
OBEYS = """
from revurb.processes import start_signals

print("waiting", flush=True)
start_signals.obey_held()
print("went on")
"""


def test_a_signal_that_comes_meanwhile_is_obeyed_afterwards() -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(HOLDS), OBEYS],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "waiting\n", "")


def test_a_hang_up_that_was_ignored_still_is() -> None:
    """As with nohup: what asks for a restart of one that runs is without effect on one that starts."""
    program = """
        import os, signal, sys
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        os.execv(sys.executable, [sys.executable, "-c", *sys.argv[1:]])
    """
    holds = textwrap.dedent(HOLDS).replace("SIGTERM", "SIGHUP")
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), holds, OBEYS],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "waiting\nwent on\n", "")


def test_the_supervisor_is_the_same_process_with_the_same_command_line(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as server:
        assert server.status().pid == server.process.pid
        if sys.platform.startswith("linux"):
            shown = Path(f"/proc/{server.process.pid}/cmdline").read_text().rstrip("\0")
            assert shown == f"{sys.executable} -P -m revurb serve --dev --port 0 --workers 2"
        assert "app id 1  key key1  secret secret1" in server.output  # of --dev


def test_where_there_is_no_interpreter_the_command_goes_on_and_says_so(tmp_path: Path) -> None:
    program = "import sys; sys.executable = '/none'; sys.argv[0] = 'revurb'; from revurb.cli.main import main; main()"
    with launched(tmp_path, "--workers", "2", program=("-c", program)) as server:
        assert server.ended() == 1
        assert "going on as the same program error=[Errno 2]" in server.output
        assert "revurb: a process cannot be started: [Errno 2]" in server.output  # nor can any other
        assert "Traceback" not in server.output


def test_another_program_that_calls_the_command_stays_what_it_is(tmp_path: Path) -> None:
    program = (
        "import sys, atexit, os; sys.argv[0] = 'manage.py'; atexit.register(os.write, 1, b'and on\\n'); "
        "from revurb.cli.main import main; main()"
    )
    with launched(tmp_path, "--workers", "2", program=("-c", program)) as server:
        server.said("Revurb is listening on")
        server.becomes(all_ready)
        server.signal(signal.SIGTERM)
        assert server.ended() == 0
        assert "going on" not in server.output
        assert server.output.endswith("and on\n")
        assert server.output.count("and on") == 1  # and not once for each process that was forked


@pytest.mark.parametrize("form", ["plain", "json"])
def test_a_configuration_that_has_changed_meanwhile_ends_the_start(form: str) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "revurb.cli.supervise",
            "--shown-as=x",
            f"--set=log.format={form}",
            "--set=server.port=x",
        ],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 2
    assert ("The configuration cannot be used:\n  server.port" in done.stderr) is (form == "plain")
    assert ('"problem":"server.port' in done.stderr) is (form == "json")


def test_a_supervisor_has_not_imported_what_understands_command_lines() -> None:
    program = "import sys, revurb.cli.supervise; sys.exit('click' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
