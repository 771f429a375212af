"""A broker that is away is asked for seldom, and one that is back is not stormed."""

from __future__ import annotations

from revurb.bus.brokered.reconnect_backoff import ReconnectBackoff

MAXIMA_S = [1.0, 2.0, 4.0, 5.0, 5.0]


def test_each_delay_is_longer_up_to_a_maximum() -> None:
    backoff = ReconnectBackoff(first_s=1.0, max_s=5.0)
    for _ in range(2):
        for maximum_s in MAXIMA_S:
            assert maximum_s / 2 <= backoff.next_s() <= maximum_s
        backoff.reset()


def test_no_two_nodes_wait_as_long_as_each_other() -> None:
    links = [ReconnectBackoff(first_s=1.0, max_s=5.0) for _ in range(100)]
    for _ in MAXIMA_S:
        delays_s = sorted(link.next_s() for link in links)
        assert (
            delays_s[-1] - delays_s[0] > 0.25
        )  # half of the delay is chance; 100 draws do not all share half of that
