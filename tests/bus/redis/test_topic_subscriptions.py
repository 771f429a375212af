"""What a node is subscribed to at Redis, and from which position on."""

from __future__ import annotations

from revurb.bus.redis.envelope import START, StreamId
from revurb.bus.redis.keys import Keys, partition_of
from revurb.bus.redis.topic_subscriptions import ALL_NODES_TOPIC, TopicSubscriptions

KEYS = Keys("revurb")
NEWS = KEYS.topic("app1", "news")


def newest(topics: TopicSubscriptions, app_id: str, channel: str) -> StreamId | None:
    topic = topics.find(app_id, channel)
    assert topic is not None
    return topic.newest


def test_a_topic_is_known_by_its_channel_and_keeps_its_first_position() -> None:
    topics = TopicSubscriptions(KEYS, "n1")
    assert topics.find("app1", "news") is None
    topics.add("app1", "news", StreamId(5, 0))
    topics.add("app1", "news", StreamId(9, 0))
    assert newest(topics, "app1", "news") == StreamId(5, 0)
    assert topics.find_by_channel(NEWS.channel.encode()) is topics.find("app1", "news")
    assert topics.by_partition() == {partition_of("app1", "news"): [("app1", "news")]}
    assert topics.remove("app1", "news") == NEWS.channel
    assert topics.find("app1", "news") is topics.find_by_channel(NEWS.channel.encode()) is None


def test_markers_come_on_a_channel_of_the_partition() -> None:
    topics = TopicSubscriptions(KEYS, "n1")
    channel = topics.expect_markers("app1", "news")
    assert channel == KEYS.markers(NEWS.partition, "n1")
    assert topics.marker_partition_of(channel.encode()) == NEWS.partition
    assert topics.marker_partition_of(NEWS.channel.encode()) is None
    assert newest(topics, "app1", "news") is None  # nothing is wanted before the subscriber is confirmed


def test_a_new_session_keeps_positions_and_what_is_for_every_node() -> None:
    topics = TopicSubscriptions(KEYS, "n1")
    topics.add(*ALL_NODES_TOPIC)
    topics.add("app1", "news", StreamId(5, 0))
    topics.add("app1", "gone", StreamId(6, 0))
    marker_channel = topics.expect_markers("app1", "news").encode()
    assert set(topics.all_keys()) == {ALL_NODES_TOPIC, ("app1", "news"), ("app1", "gone")}
    assert topics.expect_markers("app1", "news").encode() == marker_channel
    assert topics.marker_partition_of(marker_channel) == NEWS.partition
    topics.add("app1", "news")
    assert newest(topics, "app1", "news") == StreamId(5, 0)
    assert newest(topics, "app7", "") == START  # terminations, of any app


def test_positions_are_rewound_with_the_log_and_forgotten_with_the_redis() -> None:
    topics = TopicSubscriptions(KEYS, "n1")
    topics.expect_markers("app1", "asked")
    topics.add("app1", "news", StreamId(5, 0))
    topics.rewind({NEWS.partition + 1: StreamId(3, 0)})
    assert newest(topics, "app1", "news") == StreamId(5, 0)
    topics.rewind({NEWS.partition: StreamId(3, 0)})
    assert newest(topics, "app1", "news") == StreamId(3, 0)
    topics.forget_positions()
    assert newest(topics, "app1", "news") == START
    assert newest(topics, "app1", "asked") is None
