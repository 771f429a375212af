"""Whose process is at the other end."""

import os
import socket

import pytest

from revurb.bus.hub.peer_credentials import is_own_peer


def test_only_this_user_and_root_are_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert is_own_peer(ours)
        user = os.geteuid()
        monkeypatch.setattr(os, "geteuid", lambda: user + 1)
        assert is_own_peer(ours) == (user == 0)
