import os
import re

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
