from __future__ import annotations

import pytest

from revurb.config.error import ConfigError, suggestion

KEYS = {"server.port", "server.host", "tls.cert", "limits.pong_timeout_s", "apps"}
NAMES = {"REVERB_SERVER_PORT", "REVURB_PONG_TIMEOUT", "REVERB_PORT", "REVERB_HOST"}


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("server.prot", KEYS, "server.port"),
        ("port", KEYS, "server.port"),
        ("prot", KEYS, "server.port"),
        ("tls.port", KEYS, "server.port"),
        ("limits.pong_timeout", KEYS, "limits.pong_timeout_s"),
        ("app", KEYS, "apps"),
        ("colour", KEYS, None),
        ("REVURB_PONG_TIMOUT", NAMES, "REVURB_PONG_TIMEOUT"),
        ("REVURB_SERVER_PORT", NAMES, "REVERB_SERVER_PORT"),
        ("REVERB_FOO", NAMES, None),
    ],
)
def test_the_nearest_known_name_is_suggested(name: str, known: set[str], hint: str | None) -> None:
    assert suggestion(name, known) == (f'; did you mean "{hint}"?' if hint else "")


def test_an_error_is_its_problems_one_a_line() -> None:
    error = ConfigError(["a", "b"])
    assert error.problems == ("a", "b")
    assert str(error) == "a\nb"
