"""`revurb auth`: what it signs is what Pusher's own SDK signs."""

from __future__ import annotations

import base64
import json
from typing import Any

import pusher  # type: ignore[import-untyped]
import pytest

from revurb.apps import App
from tests.cli.conftest import Project

APP = App(id="1", key="the-key", secret="hush-hush")
MASTER_KEY = base64.b64encode(b"k" * 32).decode()
SDK = pusher.Pusher(app_id=APP.id, key=APP.key, secret=APP.secret, encryption_master_key_base64=MASTER_KEY)


def answer(project: Project, *arguments: str) -> Any:
    result = project.run("auth", *arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_a_private_channel(project: Project) -> None:
    assert answer(project, "123.456", "private-orders") == SDK.authenticate("private-orders", "123.456")


def test_an_encrypted_channel(project: Project) -> None:
    project.write("master", f"{MASTER_KEY}\n")
    name = "private-encrypted-orders"
    theirs = SDK.authenticate(name, "123.456")
    theirs["shared_secret"] = theirs["shared_secret"].decode()
    assert answer(project, "123.456", name, "--master-key-file", "master") == theirs
    piped = project.run("auth", "123.456", name, "--master-key-file", "-", input=f"{MASTER_KEY}\n")
    assert json.loads(piped.output) == theirs


def test_a_member(project: Project) -> None:
    given = answer(project, "1.2", "presence-room", "--user-id", "7", "--user-info", '{"name":"Ann"}')
    assert json.loads(given["channel_data"]) == {"user_id": "7", "user_info": {"name": "Ann"}}
    assert given["auth"] == f"the-key:{APP.sign('1.2:presence-room:' + given['channel_data'])}"


def test_a_user_that_signs_in(project: Project) -> None:
    given = answer(project, "1.2", "--user-id", "7", "--user-info", '{"name":"Ann"}', "--watch", "8, 9")
    assert json.loads(given["user_data"]) == {
        "id": "7",
        "user_info": {"name": "Ann"},
        "watchlist": ["8", "9"],
    }
    assert given["auth"] == f"the-key:{APP.sign('1.2::user::' + given['user_data'])}"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["1.2"], "neither a CHANNEL to sign nor a --user-id to sign in is given"),
        (["12", "private-a"], "socket_id: found '12'; allowed: what the client sent"),
        (["1.2", "private-a b"], "channel: found 'private-a b'; allowed: letters, digits and"),
        (["1.2", "orders"], "channel: found 'orders'; only private- and presence- channels are authorized"),
        (["1.2", "presence-a"], "presence-a needs a --user-id"),
        (["1.2", "presence-a", "--user-id", ""], "user_id: found ''; allowed: a text that is not empty"),
        (["1.2", "private-a", "--user-id", "7"], "--user-id: found it with 'private-a'"),
        (["1.2", "private-a", "--user-info", "1"], "--user-info needs a --user-id"),
        (["1.2", "--watch", "8"], "--watch needs a --user-id"),
        (["1.2", "presence-a", "--user-id", "7", "--watch", "8"], "--watch is of the sign-in"),
        (["1.2", "private-encrypted-a"], "name the file of its master key with --master-key-file"),
        (["1.2", "private-a", "--master-key-file", "short"], "--master-key-file is for channels that begin with"),
        (["1.2", "private-encrypted-a", "--master-key-file", "none"], "none cannot be read: No such file"),
        (["1.2", "private-encrypted-a", "--master-key-file", "short"], "allowed: 32 bytes in base64"),
        (["1.2", "private-encrypted-a", "--master-key-file", "binary"], "allowed: 32 bytes in base64"),
    ],
)  # fmt: skip
def test_what_cannot_be_signed(project: Project, arguments: list[str], error: str) -> None:
    project.write("short", "aHVzaA==")
    (project.root / "binary").write_bytes(b"\xff" * 32)
    result = project.run("auth", *arguments)
    assert result.exit_code == 2
    assert error in result.stderr


def test_one_of_several_apps(project: Project) -> None:
    project.write("revurb.toml", '[[apps]]\nid = "2"\nkey = "other"\nsecret = "hush-2"\n')
    assert answer(project, "1.2", "private-a", "--app", "2")["auth"].startswith("other:")
    assert "known ids: " in project.run("auth", "1.2", "private-a").stderr
