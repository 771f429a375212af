from __future__ import annotations

import socket
import threading
from urllib.parse import parse_qsl, urlsplit

import pytest

from revurb.cli.client import RequestError, send_request
from revurb.cli.target import NodeAddress
from revurb.config import App
from tests.cli.servers import api_server

PUSHER_APP = App(id="3", key="278d425bdf160c739803", secret="7ad3773142a6692b25b8")


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
