from __future__ import annotations

import socket
import threading
from urllib.parse import parse_qsl, urlsplit

import pytest

from revurb.cli.client import RequestError, send_request, signed_target
from revurb.cli.target import NodeAddress
from revurb.config import App
from tests.cli.servers import api_server

# The worked example of the Pusher docs, "HTTP API: authentication".
PUSHER_APP = App(id="3", key="278d425bdf160c739803", secret="7ad3773142a6692b25b8")
PUSHER_BODY = b'{"name":"foo","channels":["project-3"],"data":"{\\"some\\":\\"data\\"}"}'


def test_the_example_of_the_pusher_docs() -> None:
    target = signed_target(PUSHER_APP, "POST", "/apps/3/events", PUSHER_BODY, 1353088179)
    assert urlsplit(target).path == "/apps/3/events"
    assert dict(parse_qsl(urlsplit(target).query)) == {
        "auth_key": "278d425bdf160c739803",
        "auth_timestamp": "1353088179",
        "auth_version": "1.0",
        "body_md5": "ec365a775a4cd0599faeb73354201b6f",
        "auth_signature": "da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c",
    }


def test_without_a_body_there_is_no_md5() -> None:
    query = parse_qsl(urlsplit(signed_target(PUSHER_APP, "GET", "/apps/3/channels", b"", 1)).query)
    assert [name for name, _ in query] == ["auth_key", "auth_timestamp", "auth_version", "auth_signature"]


def test_the_prefix_of_the_node_is_sent_and_signed() -> None:
    with api_server() as api:
        address = NodeAddress("127.0.0.1", api.port, "/ws", None)
        send_request(address, PUSHER_APP, "POST", "/apps/3/events", b"{}")
    ((_, target, body),) = api.requests
    parts = urlsplit(target)
    assert (parts.path, body) == ("/ws/apps/3/events", b"{}")
    sent = dict(parse_qsl(parts.query))
    signature = sent.pop("auth_signature")
    query = "&".join(f"{name}={value}" for name, value in sorted(sent.items()))
    assert PUSHER_APP.signed(f"POST\n/ws/apps/3/events\n{query}", signature)


def test_a_server_that_hangs_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        address = NodeAddress("127.0.0.1", port, "", None)
        server.listen()

        def hang_up() -> None:
            connection, _ = server.accept()
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(RequestError) as caught:
            send_request(address, PUSHER_APP, "POST", "/apps/3/events", b"{}")
        thread.join()
    assert str(caught.value).startswith(f"cannot reach http://127.0.0.1:{port}: ")
