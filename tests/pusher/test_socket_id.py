import os
import re

import pytest

from revurb.pusher.socket_id import SocketIds, process_of


def test_ids_look_as_every_sdk_expects_and_never_repeat() -> None:
    ids = SocketIds()
    some = [ids.next() for _ in range(1000)]
    assert len(set(some)) == 1000
    assert all(re.fullmatch(r"\d+\.\d+", one) for one in some)


def test_two_processes_cannot_meet() -> None:
    first = {SocketIds(process=1).next().split(".")[0], SocketIds(process=2).next().split(".")[0]}
    assert first == {"1", "2"}
    assert len({SocketIds().next().split(".")[0] for _ in range(50)}) == 50


def test_an_id_tells_its_process() -> None:
    assert process_of(SocketIds().next()) == os.getpid()


@pytest.mark.parametrize(("drawn", "first"), [(b"\0", 1), (b"\xff", 1 << 30)])
def test_the_first_number_is_positive_and_short(
    monkeypatch: pytest.MonkeyPatch, drawn: bytes, first: int
) -> None:
    """53 bits for the process, and 30 for where its numbers start."""
    monkeypatch.setattr(os, "urandom", lambda size: drawn * size)
    process, _, number = SocketIds().next().partition(".")
    assert int(number) == first
    assert int(process) < 1 << 53
