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


def test_what_programs_on_this_host_send_ahead_where_they_are_taken_for_a_proxy() -> None:
    header = b"PROXY UNKNOWN\r\n"
    for host, proxies, expected in (
        ("0.0.0.0", ("127.0.0.0/8",), header),
        ("::", ("127.0.0.0/8",), b""),
        ("::", ("::1",), header),
        ("localhost", ("127.0.0.1",), header),
        ("10.0.0.1", ("10.0.0.0/8", "unix"), header),
        ("10.0.0.1", ("*",), header),
        ("10.0.0.1", ("192.0.2.1", "unix"), b""),
    ):
        server = ServerConfig(host=host, trusted_proxies=proxies, proxy_protocol=True)
        assert server.own_header == expected, (host, proxies)
    assert ServerConfig(trusted_proxies=("127.0.0.1",)).own_header == b""
