"""Where a node for tests is, and its credentials, as applications are told of them."""

from __future__ import annotations

from urllib.parse import urlsplit

from revurb.node.recorded_events import SentEvent
from revurb.testing.recording_node import RecordingNode


class NodeCredentials:
    """What of a node nobody has to wait for."""

    def __init__(self, node: RecordingNode) -> None:
        self._node = node

    @property
    def app_id(self) -> str:
        return self._node.app.id

    @property
    def key(self) -> str:
        return self._node.app.key

    @property
    def secret(self) -> str:
        return self._node.app.secret

    @property
    def url(self) -> str:
        """`http://127.0.0.1:8080`, for server SDKs."""
        return self._node.server.url

    @property
    def ws_url(self) -> str:
        """`ws://127.0.0.1:8080`; clients connect to `/app/KEY` below it."""
        return self._node.server.ws_url

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or "127.0.0.1"

    @property
    def port(self) -> int:
        return self._node.server.port

    @property
    def environment(self) -> dict[str, str]:
        """What an application is configured with: the names of Laravel's `.env`, and those of Pusher's SDKs."""
        scheme = urlsplit(self.url).scheme
        named = {
            "APP_ID": self.app_id, "APP_KEY": self.key, "APP_SECRET": self.secret,
            "HOST": self.host, "PORT": str(self.port), "SCHEME": scheme,
        }  # fmt: skip
        return {
            f"{product}_{name}": value for product in ("REVERB", "PUSHER") for name, value in named.items()
        }

    @property
    def sent(self) -> list[SentEvent]:
        """What the application has published in this test, in order."""
        return self._node.sent
