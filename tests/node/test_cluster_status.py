"""What nodes say of themselves, to nodes and tools of their own version and of others."""

import os

import msgspec

from revurb.bus.engine import BusHealth
from revurb.node.cluster_status import STATUS_QUESTION, NodeStatus, read_statuses, status_answerer

FULL = BusHealth(topics=3, waiting=7, dropped=2, missed=1, invalid=4, lag_s=0.0125, php_nodes=6)
# An answer of Revurb 0.1.0 before it said more than this.
OLD = b'{"host":"a","pid":1,"version":"0.1.0","uptime_s":5.0,"connections":2,"state":"ready"}'


def test_a_node_says_how_it_keeps_up() -> None:
    answer = status_answerer(lambda: 5, lambda: None, lambda: FULL)
    [status] = read_statuses([answer(STATUS_QUESTION)])
    assert (status.pid, status.connections, status.state) == (os.getpid(), 5, "ready")
    assert (status.topics, status.waiting, status.lag_ms) == (3, 7, 12.5)
    assert (status.dropped, status.missed, status.lost, status.invalid) == (2, 1, 3, 4)
    assert status.php_nodes == 6
    assert answer(b"something else") == b""


def test_what_is_not_known_is_null() -> None:
    answer = status_answerer(lambda: 0, lambda: "draining", lambda: BusHealth(topics=0))
    assert b'"lag_ms":null' in answer(STATUS_QUESTION)
    [status] = read_statuses([answer(STATUS_QUESTION)])
    assert (status.state, status.lag_ms, status.lost) == ("draining", None, 0)


def test_an_older_node_is_read_and_says_less() -> None:
    [status] = read_statuses([OLD])
    assert (status.host, status.pid, status.connections) == ("a", 1, 2)
    assert (status.topics, status.waiting, status.lag_ms) == (None, None, None)
    assert (status.dropped, status.missed, status.lost, status.invalid) == (None, None, None, None)
    assert status.php_nodes is None


def test_an_older_tool_reads_what_it_knows() -> None:
    class OldStatus(msgspec.Struct):
        host: str
        pid: int
        version: str
        uptime_s: float
        connections: int
        state: str

    new = status_answerer(lambda: 5, lambda: None, lambda: FULL)(STATUS_QUESTION)
    assert msgspec.json.decode(new, type=OldStatus).connections == 5


def test_nodes_are_in_order_and_garbage_is_left_out() -> None:
    later, earlier = OLD.replace(b'"pid":1', b'"pid":20'), OLD.replace(b'"pid":1', b'"pid":3')
    found: list[NodeStatus] = read_statuses(
        [later, b"", b"{", b'{"host":1}', b'{"host":"\xff"}', b"[" * 100_000, earlier]
    )
    assert [status.pid for status in found] == [3, 20]
