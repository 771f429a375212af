"""The ready-made app, and how other commands find it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from revurb.config import (
    DEV_APP,
    DEV_DEFAULTS,
    DEV_ENVIRONMENT,
    Config,
    dev_environment,
    load,
    served_dev_app,
)
from tests.config.project import Project


def dev_config(project: Project, **environ: str) -> Config:
    return load(environ={**DEV_DEFAULTS, **environ, **DEV_ENVIRONMENT}, cwd=project.root)


def test_a_command_finds_the_server_by_its_environment(project: Project) -> None:
    config = dev_config(project, REVERB_SERVER_PATH="/ws", REVERB_APP_PING_INTERVAL="5")
    app = served_dev_app(config)
    assert app == replace(DEV_APP, ping_interval_s=5)
    environ = dev_environment(config, 9000)
    assert environ is not None
    found = load(environ=environ, cwd=project.root)
    assert (found.server.host, found.server.port, found.server.path) == ("127.0.0.1", 9000, "/ws")
    assert found.apps == (DEV_APP,)


def test_its_certificate_is_found_too(project: Project) -> None:
    for name in ("cert.pem", "key.pem"):
        project.write(name, "")
    config = dev_config(project, REVURB_TLS_CERT="cert.pem", REVURB_TLS_KEY="key.pem")
    environ = dev_environment(config, 9000)
    assert environ is not None
    assert load(environ=environ).tls == config.tls  # from whatever folder


@pytest.mark.parametrize("name", ["REVERB_APP_ID", "REVERB_APP_KEY", "REVERB_APP_SECRET"])
def test_another_app_is_not_it(project: Project, name: str) -> None:
    config = load(environ={**DEV_ENVIRONMENT, name: "other"}, cwd=project.root)
    assert served_dev_app(config) is None
    assert dev_environment(config, 9000) is None


def test_an_app_provider_has_its_own(project: Project) -> None:
    config = dev_config(project, REVURB_APP_PROVIDER="a.b:C")
    assert served_dev_app(config) is None


def test_the_test_page_is_on_unless_it_is_off(project: Project) -> None:
    assert dev_config(project).server.test_page
    assert not dev_config(project, REVURB_TEST_PAGE="false").server.test_page
    assert not project.load().server.test_page
