from __future__ import annotations

import pytest

from revurb.config import Config, ServerConfig
from revurb.doctor.proxy_trust import check_proxies


def test_nothing_is_said_where_no_proxy_is_trusted() -> None:
    assert check_proxies(Config()) == []


@pytest.mark.parametrize(
    ("server", "mark", "text"),
    [
        (ServerConfig(trusted_proxies=("10.0.0.0/8",)), "ok", "10.0.0.0/8 say in X-Forwarded-For"),
        (ServerConfig(trusted_proxies=("10.0.0.1",), proxy_protocol=True), "ok", "in a PROXY header"),
        (ServerConfig(trusted_proxies=("*",)), "warning", "whoever reaches 0.0.0.0"),
        (ServerConfig(trusted_proxies=("*",), host="127.0.0.1,::1"), "ok", "* say"),
    ],
)
def test_whether_a_client_could_choose_its_address(server: ServerConfig, mark: str, text: str) -> None:
    (finding,) = check_proxies(Config(server=server))
    assert (finding.mark, finding.subject) == (mark, "proxies")
    assert text in finding.observation
    assert bool(finding.advice) == (mark == "warning")
