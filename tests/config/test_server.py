from __future__ import annotations

from revurb.config.server import ServerConfig


def test_each_of_the_hosts() -> None:
    assert ServerConfig(host="::").hosts == ("::",)
    assert ServerConfig(host="127.0.0.1,::1").hosts == ("127.0.0.1", "::1")


def test_all_addresses_are_reached_on_loopback() -> None:
    hosts = ("0.0.0.0", "::", "10.0.0.1", "0.0.0.0,::1")
    assert [ServerConfig(host=host).reachable_host for host in hosts] == [
        "127.0.0.1", "::1", "10.0.0.1", "127.0.0.1",
    ]  # fmt: skip
