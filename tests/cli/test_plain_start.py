"""A plain command line is read as click reads it, and a server that was started by one imports only what it needs."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from revurb.cli.options import flags_by_key
from revurb.cli.plain_start import read_plainly
from revurb.cli.serve import serve
from revurb.config import SETTINGS
from tests.processes.serving import launched

FLAGS = [(setting.option.flag, setting.kind) for setting in SETTINGS if setting.option.flag is not None]
EVERY_FLAG = [
    *(flag for flag, kind in FLAGS if kind == "boolean"),
    *(text for flag, kind in FLAGS if kind != "boolean" for text in (flag, f"of {flag}")),
]

# By the environment and the defaults alone, without TLS, database, webhooks, compression or hooks.
UNNEEDED = {
    "_ctypes",
    "aiohttp",
    "argparse",
    "bz2",
    "click",
    "ctypes",
    "http",
    "importlib.metadata",
    "lzma",
    "prometheus_client",
    "random",
    "redis",
    "revurb.cli.main",
    "revurb.config.listing",
    "revurb.config.php_array",
    "revurb.config.reference",
    "revurb.transport.ticket_keys",
    "rich",
    "secrets",
    "shutil",
    "tempfile",
    "tomllib",
}
TELLS_MODULES = """
import atexit, sys
atexit.register(lambda: print("loaded", *sys.modules))
sys.argv[0] = "revurb"
from revurb.__main__ import run
run()
"""


@pytest.mark.parametrize(
    "line",
    [
        [],
        ["--dev"],
        ["--port", "1", "--port=2", "--dev", "--dev"],
        ["--port="],
        ["--host", "", "--path=/a=b"],
        EVERY_FLAG,
        [f"{flag}=-{kind}" for flag, kind in FLAGS if kind != "boolean"],
        ["--config", "here.toml", "--env-file=here.toml"],
    ],
)
def test_it_is_read_as_click_reads_it(
    line: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("here.toml").touch()
    given = read_plainly(line)
    by_click = serve.make_context("serve", list(line)).params
    files = {f"--{name.replace('_', '-')}": by_click.pop(name) for name in ("config", "env_file")}
    assert given is not None
    assert given.is_dev is by_click.pop("dev")
    assert given.files == {flag: path for flag, path in files.items() if path is not None}
    # click has switches that are not given as False where they have no default of None.
    assert given.flags == {key: value for key, value in flags_by_key(by_click).items() if value is not False}


@pytest.mark.parametrize(
    "line",
    [
        ["--help"],
        ["-h"],
        ["--port"],
        ["--port", "--dev"],
        ["--port", "-1"],
        ["--dev=1"],
        ["--de"],
        ["--", "x"],
        ["x"],
        ["--nothing=1"],
        ["--config", "nowhere.toml"],
        ["--config"],
        [""],
    ],
)
def test_what_is_not_plain_is_left_to_click(line: list[str]) -> None:
    assert read_plainly(line) is None


def test_what_a_plain_node_does_not_load(tmp_path: Path) -> None:
    """Each process keeps what it has imported: together these took 2 MiB of 34."""
    with launched(tmp_path, program=("-c", TELLS_MODULES)) as server:
        server.said("Revurb is listening on")
        server.signal(signal.SIGTERM)
        assert server.ended() == 0
        loaded = set(server.said("(?m)^loaded (.*)$")[1].split())
    assert "revurb.node.node" in loaded
    assert sorted(loaded & UNNEEDED) == []
