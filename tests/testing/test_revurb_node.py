"""What synchronous tests ask of a node."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pusher  # type: ignore[import-untyped]
import pytest

from revurb import App
from revurb.node.loop_thread import LoopThread
from revurb.testing import RevurbNode
from revurb.testing.recording_node import RecordingNode


def test_channels_users_and_their_end(revurb_node: RevurbNode) -> None:
    ann = revurb_node.connect("7", user_info={"name": "Ann"})
    ann.subscribe("presence-room", "private-orders")
    assert set(revurb_node.channels("presence-")) == {"presence-room"}
    assert revurb_node.users("presence-room") == ["7"]
    assert ann.members("presence-room") == {"7": {"name": "Ann"}}
    ann.sign_in()
    revurb_node.terminate("7")
    ann.received("pusher:error", data=lambda error: error["code"] == 4009)


def test_the_client_is_the_same_within_a_test_and_another_is_another(revurb_node: RevurbNode) -> None:
    assert revurb_node.client is revurb_node.client
    other = revurb_node.connect()
    assert other.socket_id != revurb_node.client.socket_id
    other.subscribe("orders")
    other.close()
    with pytest.raises(Exception, match="closed"):
        other.subscribe("news")


def test_an_encrypted_channel_with_the_key_of_the_application(revurb_node: RevurbNode) -> None:
    key = base64.b64encode(bytes(range(32))).decode()
    client = revurb_node.connect(encryption_master_key_base64=key)
    client.subscribe("private-encrypted-orders")
    application = pusher.Pusher(
        app_id=revurb_node.app_id, key=revurb_node.key, secret=revurb_node.secret,
        host=revurb_node.host, port=revurb_node.port, ssl=False, encryption_master_key_base64=key,
    )  # fmt: skip
    application.trigger("private-encrypted-orders", "created", {"id": 7})
    client.received("created", data={"id": 7})
    with pytest.raises(ValueError, match="allowed: 32 bytes in base64"):
        revurb_node.connect(encryption_master_key_base64="short")


def test_a_failed_assertion_shows_the_line_of_the_test_alone(revurb_node: RevurbNode) -> None:
    with pytest.raises(AssertionError) as raised:
        revurb_node.published("created", timeout_s=0.01)
    assert len(raised.traceback.filter(raised)) == 1
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_a_node_with_tls_and_without_further_apps(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-subj", "/CN=test", "-keyout", key, "-out", certificate],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    app = App(id="1", key="key1", secret="secret1")
    with pytest.raises(ValueError, match="revurb_options: found apps"):
        RecordingNode(app, {"apps": [app]})
    node = RecordingNode(app, {"tls_cert": certificate, "tls_key": key})
    thread = LoopThread(node.start, node.stop)
    thread.start()
    try:
        secure = RevurbNode(node, thread)
        assert secure.environment["REVERB_SCHEME"] == "https"
        secure.client.subscribe("orders")
        secure.trigger("orders", "created", {})
        secure.client.received("created")
    finally:
        thread.stop()
