"""`revurb listen`."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pytest

from revurb import App, HistoryRule, Server
from revurb.cli.listen import event_line
from revurb.cli.subscription import ReceivedEvent
from tests.cli.conftest import Project, process_environment
from tests.cli.servers import SOCKET_ID, Peer, Script, pusher_server
from tests.pusher_client.cutting_proxy import cutting_proxy

TIME = r"\d\d:\d\d:\d\d"


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (ReceivedEvent("created", "orders", '{"id":7}'), '12:30:01 orders created {"id":7}'),
        (ReceivedEvent("created", "orders", {"ä": 7}), '12:30:01 orders created {"ä": 7}'),
        (ReceivedEvent("created", None, None), "12:30:01 - created null"),
        (ReceivedEvent("a\nb", "c\x1b[2J", "d\r"), "12:30:01 c\\x1b[2J a\\nb d\\r"),
        (ReceivedEvent("e", "c", "[bold]x"), "12:30:01 c e [bold]x"),
    ],
)
def test_an_event_is_one_line(event: ReceivedEvent, line: str) -> None:
    assert event_line(event, "12:30:01").plain == line


def orders(peer: Peer) -> None:
    peer.establish()
    assert peer.receive()["data"] == {"channel": "orders"}
    peer.send("pusher_internal:subscription_succeeded", {}, "orders")
    peer.send("created", {"text": "x" * 200}, "orders")
    peer.close(4001, "the end")


def test_events_for_programs(project: Project) -> None:
    with pusher_server([orders]) as port:
        project.add(REVERB_SERVER_PORT=port)
        told = json.loads(project.run("listen", "orders", "--json").stdout)
    assert told.pop("at_ms") > 0
    assert told == {"channel": "orders", "event": "created", "data": json.dumps({"text": "x" * 200})}


def test_events_go_to_standard_output_and_the_rest_to_standard_error(project: Project) -> None:
    with pusher_server([orders]) as port:
        project.add(REVERB_SERVER_PORT=port)
        result = project.run("listen", "orders")
    assert result.exit_code == 1
    assert re.fullmatch(rf'{TIME} orders created {{"text": "x{{200}}"}}\n', result.stdout)
    connected, subscribed, error = result.stderr.splitlines()
    assert re.fullmatch(rf"{TIME} connected to ws://127\.0\.0\.1:{port} as {SOCKET_ID}", connected)
    assert re.fullmatch(rf"{TIME} subscribed to orders", subscribed)
    assert error.startswith(
        "Error: the server closed the connection for good: 4001 the end; the server has other"
    )


def test_a_member_of_a_presence_channel(project: Project) -> None:
    def script(peer: Peer) -> None:
        peer.establish()
        data = peer.receive()["data"]
        assert json.loads(data["channel_data"]) == {"user_id": "7", "user_info": {"name": "Ada"}}
        peer.close(4000)

    member = ["--user-id", "7", "--user-info", '{"name":"Ada"}']
    with pusher_server([script]) as port:
        project.run("listen", "presence-room", *member, "--url", f"http://127.0.0.1:{port}")


def test_tls_with_the_certificate_of_the_configuration(project: Project, tls: ssl.SSLContext) -> None:
    project.add(REVURB_TLS_CERT="cert.pem", REVURB_TLS_KEY="key.pem")
    with pusher_server([orders], tls) as port:
        project.add(REVERB_SERVER_PORT=port)
        result = project.run("listen", "orders")
    assert f"connected to wss://127.0.0.1:{port}" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["presence-room"], "presence-room needs a --user-id"),
        (["orders", "--user-info", "{}"], "--user-info needs a --user-id"),
        (
            ["presence-room", "--user-id", "7", "--user-info", "{"],
            "--user-info: found '{'; allowed: JSON (Expecting property name enclosed in double quotes: "
            "line 1 column 2 (char 1))",
        ),
        (["orders", "--app", "9"], "--app: there is no app with the id '9'; known ids: 1"),
        (
            ["orders", "--url", "nowhere"],
            "--url: found 'nowhere'; allowed: a URL such as https://ws.example.com",
        ),
    ],
)
def test_what_cannot_be_asked(project: Project, arguments: list[str], message: str) -> None:
    result = project.run("listen", *arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"Error: {message}\n")


def test_nobody_there(project: Project, closed_port: int) -> None:
    project.add(REVERB_SERVER_PORT=closed_port)
    result = project.run("listen", "orders")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: cannot reach ws://127.0.0.1:{closed_port}: connection refused; ")


@contextmanager
def listening(script: Script, *prefix: str) -> Iterator[tuple[subprocess.Popen[str], IO[str], IO[str]]]:
    """`revurb listen orders` as a process, started by `prefix`, once it has subscribed; its output and its errors."""
    with pusher_server([script]) as port:
        command = [*prefix, sys.executable, "-m", "revurb", "listen", "orders"]
        with subprocess.Popen(
            [*command, "--url", f"ws://127.0.0.1:{port}"],
            env=process_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert "connected to ws://" in process.stderr.readline()
            assert "subscribed to orders" in process.stderr.readline()
            yield process, process.stdout, process.stderr


def test_ctrl_c_ends_with_0(project: Project) -> None:
    def script(peer: Peer) -> None:
        peer.establish()
        peer.receive()
        peer.send("pusher_internal:subscription_succeeded", {}, "orders")
        peer.receive()  # until the client goes

    with listening(script) as (process, _, errors):
        process.send_signal(signal.SIGINT)
        assert errors.read() == ""
        assert process.wait(timeout=30) == 0


def test_in_the_background_of_a_script_ctrl_c_is_for_others(project: Project) -> None:
    """A shell starts such a process with SIGINT ignored (POSIX, asynchronous lists), since its terminal sends it also
    there."""
    signalled = threading.Event()

    def script(peer: Peer) -> None:
        peer.establish()
        peer.receive()
        peer.send("pusher_internal:subscription_succeeded", {}, "orders")
        assert signalled.wait(30)
        peer.send("created", {"id": 7}, "orders")
        peer.receive()

    with listening(script, "sh", "-c", 'trap "" INT; exec "$@"', "sh") as (process, output, errors):
        process.send_signal(signal.SIGINT)
        signalled.set()
        assert 'orders created {"id": 7}' in output.readline()
        process.terminate()
        assert errors.read() == ""
        assert process.wait(timeout=30) == -signal.SIGTERM


def test_characters_that_the_terminal_lacks_are_escaped(project: Project) -> None:
    def script(peer: Peer) -> None:
        peer.establish()
        peer.receive()
        peer.send("pusher_internal:subscription_succeeded", {}, "orders")
        peer.send("日", 7, "orders")
        peer.receive()

    with listening(script, "env", "PYTHONIOENCODING=latin-1:strict") as (process, output, _):
        assert output.readline().endswith("orders \\u65e5 7\n")
        process.terminate()


async def test_what_a_user_is_sent(project: Project) -> None:
    """On a real server, in a program of its own."""
    app = App(id="1", key="the-key", secret="hush-hush", user_authentication_timeout_s=30)
    async with Server(apps=[app], port=0) as server:
        project.add(REVERB_APP_ID="1", REVERB_APP_KEY="the-key", REVERB_APP_SECRET="hush-hush")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "revurb", "listen", "#server-to-user-7", "--url", server.url),
            cwd=project.root,
            env=process_environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(20):
                assert process.stderr is not None
                while b"signed in as" not in (line := await process.stderr.readline()):
                    assert line, "it has ended"
                await server.trigger("#server-to-user-7", "note", {"n": 1})
                assert process.stdout is not None
                assert re.fullmatch(
                    rf'{TIME} #server-to-user-7 note {{"n":1}}\n', (await process.stdout.readline()).decode()
                )
        finally:
            process.kill()
            await process.communicate()


def test_a_user_without_an_id_is_none(project: Project) -> None:
    def script(peer: Peer) -> None:
        peer.establish()
        assert peer.receive()["data"] == {"channel": "orders"}
        peer.close(4000)

    with pusher_server([script]) as port:
        result = project.run("listen", "#server-to-user-", "orders", "--url", f"http://127.0.0.1:{port}")
    assert "not subscribed to #server-to-user-: user_data.id" in result.stderr


async def test_what_was_missed_is_printed_after_a_reconnect(project: Project) -> None:
    """Each event once, in order, over connections that are cut."""
    app = App(id="1", key="the-key", secret="hush-hush", history=(HistoryRule(channels=("room-*",)),))
    async with Server(apps=[app], port=0) as server, cutting_proxy(server.port) as proxy:
        project.add(REVERB_APP_ID="1", REVERB_APP_KEY="the-key", REVERB_APP_SECRET="hush-hush")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "revurb", "listen", "room-1", "--url", proxy.url),
            cwd=project.root,
            env=process_environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(30):
                assert process.stderr is not None
                assert process.stdout is not None
                for number in range(3):
                    while b"subscribed to" not in (line := await process.stderr.readline()):
                        assert line, "it has ended"
                    proxy.cut()
                    for part in range(2):
                        await server.trigger("room-1", "note", number * 2 + part)
                printed = [(await process.stdout.readline()).decode().split()[-1] for _ in range(6)]
                assert printed == ["0", "1", "2", "3", "4", "5"]
        finally:
            process.kill()
            await process.communicate()
