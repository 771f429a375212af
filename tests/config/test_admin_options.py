"""The options of the admin listener."""

from __future__ import annotations

from pathlib import Path

import pytest

from revurb.config import Config, ConfigError, load
from revurb.config.admin_options import MAX_MEASURED_APPS, is_loopback

APP = {"REVERB_APP_ID": "1", "REVERB_APP_KEY": "k", "REVERB_APP_SECRET": "s"}


def loaded(folder: Path, **environ: str) -> Config:
    return load(environ={**APP, **environ}, cwd=folder)


def problems(folder: Path, **environ: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, **environ)
    return tuple(caught.value.problems)


def test_there_is_none_unless_it_is_asked_for(tmp_path: Path) -> None:
    admin = loaded(tmp_path).admin
    assert (admin.port, admin.host, admin.token) == (None, "127.0.0.1", None)
    metrics = loaded(tmp_path).metrics
    assert (metrics.names, metrics.prefix, metrics.max_apps) == ("revurb", None, 100)


@pytest.mark.parametrize(
    "host",
    [
        "0.0.0.0",
        "::",
        "10.0.0.1",
        "127.0.0.1,10.0.0.1",
        "admin.example.com",
        "127.example",
        "127.0.example.com",
    ],
)
def test_others_than_this_host_need_a_token(tmp_path: Path, host: str) -> None:
    (problem,) = problems(tmp_path, REVURB_ADMIN_HOST=host, REVURB_ADMIN_PORT="9100")
    assert problem.startswith("admin.token: not set, but found ")
    assert "environment (REVURB_ADMIN_HOST)" in problem
    given = loaded(tmp_path, REVURB_ADMIN_HOST=host, REVURB_ADMIN_PORT="9100", REVURB_ADMIN_TOKEN="t")
    assert given.admin.hosts == tuple(host.split(","))
    assert loaded(tmp_path, REVURB_ADMIN_HOST=host).admin.port is None  # nothing listens


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost", "127.0.0.1,::1"])
def test_loopback_needs_none(tmp_path: Path, host: str) -> None:
    assert loaded(tmp_path, REVURB_ADMIN_HOST=host, REVURB_ADMIN_PORT="0").admin.port == 0
    assert all(is_loopback(each.strip("[]")) for each in host.split(","))


@pytest.mark.parametrize("token", ["ä", "a\nb", "a\tb", " geheim", "geheim "])
def test_a_token_that_no_header_can_have(tmp_path: Path, token: str) -> None:
    (problem,) = problems(tmp_path, REVURB_ADMIN_PORT="1", REVURB_ADMIN_TOKEN=token)
    assert problem.startswith("admin.token: ")
    assert token not in problem


def test_a_token_is_shown_nowhere_and_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("geheim\n")
    config = loaded(tmp_path, REVURB_ADMIN_TOKEN_FILE=str(tmp_path / "token"))
    assert config.admin.token == "geheim"
    assert "geheim" not in repr(config)


def test_names_of_metrics(tmp_path: Path) -> None:
    config = loaded(tmp_path, REVURB_METRICS_NAMES="soketi", REVURB_METRICS_PREFIX="chat_")
    assert (config.metrics.names, config.metrics.prefix) == ("soketi", "chat_")
    for prefix in ("1a", "a-b", "a b", "ä"):
        (problem,) = problems(tmp_path, REVURB_METRICS_PREFIX=prefix)
        assert problem.startswith(f"metrics.prefix: found {prefix!r}")


def test_so_many_apps_may_be_measured_that_nothing_stands_still_for_it(tmp_path: Path) -> None:
    assert loaded(tmp_path, REVURB_METRICS_MAX_APPS=str(MAX_MEASURED_APPS)).metrics.max_apps == 250
    (problem,) = problems(tmp_path, REVURB_METRICS_MAX_APPS=str(MAX_MEASURED_APPS + 1))
    assert problem.startswith("metrics.max_apps: found '251'")
