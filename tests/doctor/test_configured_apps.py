"""What `revurb doctor` says of each app."""

from __future__ import annotations

from typing import Any

import pytest

from revurb.config import App, Config
from revurb.doctor.configured_apps import check_apps


@pytest.mark.parametrize(
    ("fields", "mark", "observation"),
    [
        ({}, "ok", "pages of all hosts may connect (allowed_origins is *)"),
        (
            {"allowed_origins": ("a.com", "*.b.com")},
            "ok",
            "pages of a.com, *.b.com may connect",
        ),
        (
            {"allowed_origins": ("a.com", "*")},
            "warning",
            "* lets pages of all hosts connect, so a.com has no effect",
        ),
        (
            {"accept_client_events_from": "all"},
            "warning",
            "pages of all hosts may connect, and everybody may send client events",
        ),
        (
            {"accept_client_events_from": "all", "allowed_origins": ("a.com",)},
            "ok",
            "pages of a.com may connect",
        ),
    ],
)
def test_an_app(fields: dict[str, Any], mark: str, observation: str) -> None:
    (finding,) = check_apps(Config(apps=(App(id="7", key="k", secret="s", **fields),)))
    assert (finding.mark, finding.subject, finding.observation) == (mark, "app 7", observation)
    assert bool(finding.advice) is (mark == "warning")


def test_a_provider_is_not_asked() -> None:
    (finding,) = check_apps(Config(app_provider="shop.apps:Apps"))
    assert (finding.mark, finding.observation) == ("ok", "found by shop.apps:Apps")
