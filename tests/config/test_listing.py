from __future__ import annotations

from revurb.config import APP_SETTINGS, MASK, SETTINGS, App, Config, OptionRow, option_rows
from tests.config.project import APP_TOML, Project


def test_every_option_of_the_node_and_of_each_app_is_listed(project: Project) -> None:
    project.write("revurb.toml", APP_TOML)
    config = project.load(
        {"REVERB_APP_ID": "2", "REVERB_APP_KEY": "other-key", "REVURB_UNIX_SOCKET_MODE": "600"}
    )
    listed = list(option_rows(config))
    assert [row.key for row in listed] == [
        *(setting.key for setting in SETTINGS),
        *(f"apps.1.{setting.key}" for setting in APP_SETTINGS),
        *(f"apps.2.{setting.key}" for setting in APP_SETTINGS),
    ]
    assert {row.key for row in listed} == set(config.provenance)
    by_key = {row.key: row for row in listed}
    assert by_key["server.unix_socket_mode"] == OptionRow(
        "server.unix_socket_mode", "0600", "environment (REVURB_UNIX_SOCKET_MODE)"
    )
    assert by_key["apps.1.allowed_origins"] == OptionRow("apps.1.allowed_origins", ["*"], "default")
    assert by_key["apps.2.secret"] == OptionRow("apps.2.secret", MASK, "environment (REVERB_APP_SECRET)")


def test_no_secret_is_listed(project: Project) -> None:
    secrets = {
        "REVERB_APP_SECRET": "hush-app",
        "REDIS_URL": "redis://:hush-url@h",
        "REDIS_PASSWORD": "hush-redis",
        "REVURB_TLS_KEY_PASSWORD": "hush-tls",
    }
    listed = list(option_rows(project.load(secrets)))
    assert "hush" not in repr(listed)
    assert sum(row.value == MASK for row in listed) == len(secrets)


def test_a_value_made_by_hand_can_be_listed() -> None:
    config = Config(apps=(App(id="1", key="k", secret="s"),))
    assert {row.source for row in option_rows(config)} == {"default"}
