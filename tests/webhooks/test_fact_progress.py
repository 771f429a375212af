from __future__ import annotations

from collections.abc import Sequence

from revurb.webhooks.fact_progress import FactProgress
from revurb.webhooks.kept_request import KeptRequest


class Sender:
    """A FactProgress, and what the bus may forget."""

    def __init__(self, *kept: KeptRequest) -> None:
        self.progress = FactProgress()
        self.done = self.progress.done
        for request in kept:
            self.progress.load(request)

    def bring(self, fact_id: str, *targets: str) -> Sequence[str]:
        assert self.progress.open(fact_id)
        return list(self.progress.route(fact_id, targets))


def kept(name: str, target: str, *fact_ids: str, over: bool = False) -> KeptRequest:
    return KeptRequest(name, "1", target, 0, fact_ids, None if over else b"{}")


def test_a_fact_is_done_when_its_target_is_told() -> None:
    sender = Sender()
    assert sender.bring("a", "T") == ["T"]
    assert not sender.done
    assert sender.progress.finish("T", ["a"], "T:1") == []
    assert sender.done == ["a"]
    assert len(sender.progress) == 0


def test_a_fact_that_nobody_wants_is_done_at_once() -> None:
    sender = Sender()
    assert sender.bring("a") == []
    assert sender.done == ["a"]
    assert len(sender.progress) == 0


def test_a_fact_that_is_open_is_not_taken_twice() -> None:
    sender = Sender()
    sender.bring("a", "T")
    assert not sender.progress.open("a")
    sender.progress.finish("T", ["a"])
    assert sender.progress.open("a")


def test_a_request_is_kept_until_the_last_of_its_facts_is_done() -> None:
    sender = Sender()
    for fact_id in "abc":
        sender.bring(fact_id, "T", "U")
    assert sender.progress.finish("T", ["a", "b"], "T:1") == ["a", "b"]
    assert sender.progress.finish("T", ["c"], "T:2") == ["c"]
    assert not sender.done
    assert sender.progress.finish("U", ["a"], "U:1") == []
    assert (sender.done, sender.progress.forgettable) == (["a"], [])
    assert sender.progress.finish("U", ["b", "c"], "U:2") == []
    assert sender.done == ["a", "b", "c"]
    assert sender.progress.forgettable == ["T:1", "T:2"]


def test_a_successor_tells_no_target_twice() -> None:
    """T was told of `a`, and U was being told of it; T was being told of `b`."""
    sender = Sender(kept("1", "T", "a", over=True), kept("2", "U", "a"), kept("3", "T", "b"))
    assert sender.progress.was_sent("a")
    assert sender.progress.was_sent("b")
    assert not sender.progress.was_sent("c")
    assert sender.bring("a", "T", "U") == []
    assert sender.bring("b", "T", "U") == ["U"]
    assert sender.bring("c", "T", "U") == ["T", "U"]
    assert sender.progress.finish("U", ["a"], "U:2") == []
    assert sender.done == ["a"]
    assert sender.progress.forgettable == ["T:1"]
    assert sender.progress.finish("T", ["b"], "T:3") == ["b"]
    assert sender.progress.finish("U", ["b"], "U:4") == []
    assert sender.done == ["a", "b"]
    assert sender.progress.forgettable == ["T:1", "T:3"]


def test_a_kept_request_that_is_over_before_the_bus_brings_its_facts() -> None:
    sender = Sender(kept("1", "T", "a", "b"))
    assert sender.progress.finish("T", ["a", "b"], "T:1") == ["a", "b"]
    assert sender.progress.was_sent("a")
    assert sender.bring("a", "T") == []
    assert sender.done == ["a"]
    assert sender.bring("b", "T", "U") == ["U"]
    sender.progress.finish("U", ["b"], "U:1")
    assert sender.done == ["a", "b"]
    assert sender.progress.forgettable == ["T:1"]


def test_what_is_kept_of_facts_that_never_come_is_forgotten() -> None:
    sender = Sender(kept("1", "T", "a", "b", over=True))
    assert sender.progress.open("a")
    sender.progress.close_unclaimed()
    assert sender.progress.forgettable == []
    assert list(sender.progress.route("a", ["T"])) == []
    assert sender.progress.forgettable == ["T:1"]


def test_facts_that_vanish_are_done() -> None:
    sender = Sender()
    sender.progress.open("a")
    sender.progress.open("b")
    sender.progress.close(["a", "b"])
    assert sender.done == ["a", "b"]


def test_a_target_that_does_not_want_a_fact_any_more_finishes_nothing_of_others() -> None:
    sender = Sender(kept("1", "old", "a"))
    assert sender.bring("a", "T") == ["T"]
    assert sender.progress.finish("old", ["a"], "old:1") == ["a"]
    assert not sender.done
    sender.progress.finish("T", ["a"], "T:1")
    assert sender.done == ["a"]
    assert sender.progress.forgettable == ["old:1"]
