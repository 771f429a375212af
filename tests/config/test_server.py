from __future__ import annotations

from revurb.config.server import ServerConfig


def test_each_of_the_hosts() -> None:
    assert ServerConfig(host="::").hosts == ("::",)
    assert ServerConfig(host="127.0.0.1,::1").hosts == ("127.0.0.1", "::1")
