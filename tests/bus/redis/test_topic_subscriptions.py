"""What a node is subscribed to at Redis, and from which position on."""

from revurb.bus.redis.envelope import START, StreamId
from revurb.bus.redis.keys import Keys, partition_of
from revurb.bus.redis.topic_subscriptions import TopicSubscriptions

KEYS = Keys("revurb")
NEWS = KEYS.topic("app1", "news")


def test_a_topic_is_known_by_its_channel_and_keeps_its_first_position() -> None:
    topics = TopicSubscriptions(KEYS, "n1")
    assert topics.since("app1", "news") is None
    topics.add("app1", "news", StreamId(5, 0))
    topics.add("app1", "news", StreamId(9, 0))
    assert topics.since("app1", "news") == StreamId(5, 0)
    assert topics.partition_of(NEWS.channel.encode()) == partition_of("app1", "news")
    assert topics.partitions() == {partition_of("app1", "news")}
    assert topics.remove("app1", "news") == NEWS.channel
    assert topics.since("app1", "news") is None
    assert topics.partition_of(NEWS.channel.encode()) is None


def test_markers_come_on_a_channel_of_the_partition() -> None:
    topics = TopicSubscriptions(KEYS, "n1")
    channel = topics.expect_markers("app1", "news")
    assert channel == KEYS.markers(NEWS.partition, "n1")
    assert topics.marker_partition_of(channel.encode()) == NEWS.partition
    assert topics.marker_partition_of(NEWS.channel.encode()) is None


def test_replacing_keeps_positions_and_adds_what_is_for_every_node() -> None:
    topics = TopicSubscriptions(KEYS, "n1")
    topics.add("app1", "news", StreamId(5, 0))
    topics.add("app1", "gone", StreamId(6, 0))
    channels = topics.replace([("app1", "news"), ("app1", "new")])
    assert set(channels) == {
        KEYS.topic(*key).channel for key in (("", ""), ("app1", "news"), ("app1", "new"))
    }
    assert topics.since("app1", "news") == StreamId(5, 0)
    assert topics.since("app1", "new") == START
    assert topics.since("app1", "gone") is None
    assert topics.since("app7", "") == START  # terminations, of any app
