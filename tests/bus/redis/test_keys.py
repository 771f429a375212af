"""The names in Redis, which nodes of several versions share: a changed name would split a cluster."""

from revurb.bus.redis.keys import (
    CLUSTER_PARTITIONS,
    MAX_LONG_NAMES,
    PARTITIONS,
    Keys,
    partition_of,
    read_topic_id,
    topic_id,
    topic_of,
    type_of,
)


def test_the_names_are_what_other_versions_use() -> None:
    keys = Keys("revurb")
    assert partition_of("app1", "news") == 37
    topic = keys.topic("app1", "news")
    assert [
        keys.leases,
        keys.removal_claims,
        keys.epoch,
        keys.all_nodes,
        keys.empty_log,
        keys.logs[3],
        keys.seqs[3],
        keys.heartbeat(3, "n1"),
        keys.nodes_heartbeat("n1"),
        keys.inbox("n1"),
        keys.markers(3, "n1"),
        keys.node_topics(3, "n1"),
        keys.occupied(3, "app1"),
        keys.connections("app1"),
        topic.id,
        topic.channel,
        topic.counts,
        topic.members,
        topic.cached,
    ] == NAMES


def test_events_without_a_channel_are_for_all_apps() -> None:
    keys = Keys("revurb")
    assert keys.topic("app1", "").channel == keys.topic("app2", "").channel


def test_a_topic_id_can_be_read() -> None:
    assert read_topic_id(topic_id("app1", "news")) == ("app1", "news")
    assert read_topic_id(topic_id("app1")) == ("app1", "")


def test_a_key_tells_its_type_and_whose_it_is() -> None:
    keys = Keys("revurb")
    topic = keys.topic("app1", "a:counts:b")
    types = {topic.counts: "hash", topic.members: "hash", topic.cached: "string"}
    assert {key: type_of(key) for key in types} == types
    assert {topic_of(key) for key in types} == {topic.id}
    shared = {
        keys.logs[3]: "stream",
        keys.leases: "zset",
        keys.occupied(3, "app1"): "set",
        "revurb:other": None,
    }
    assert {key: type_of(key) for key in shared} == shared
    assert {topic_of(key) for key in shared} == {None}


def test_every_partition_has_a_log_with_its_own_hash_tag() -> None:
    tags = {log.partition("{")[2].partition("}")[0] for log in Keys("revurb").logs}
    assert tags == {f"p{number}" for number in range(PARTITIONS)}


NAMES = [
    "revurb:{nodes}:leases",
    "revurb:{nodes}:burials",
    "revurb:{nodes}:epoch",
    "revurb:{nodes}:everyone",
    "revurb:{nodes}:log",
    "revurb:{p3}:log",
    "revurb:{p3}:seqs",
    "revurb:{p3}:pulse:n1",
    "revurb:{nodes}:pulse:n1",
    "revurb:{nodes}:inbox:n1",
    "revurb:{p3}:marks:n1",
    "revurb:{p3}:held:n1",
    "revurb:{p3}:occupied:app1",
    "revurb:{p43}:connections:app1",
    "app1\x1fnews",
    "revurb:{p37}:topic:app1\x1fnews",
    "revurb:{p37}:counts:app1\x1fnews",
    "revurb:{p37}:members:app1\x1fnews",
    "revurb:{p37}:cached:app1\x1fnews",
]


def test_a_cluster_has_more_partitions_each_in_one_of_the_others() -> None:
    keys = Keys("revurb")
    topics = {name: keys.topic("app1", name) for name in map(str, range(5000))}
    keys.use(CLUSTER_PARTITIONS)
    assert len(keys.logs) == len(keys.seqs) == len(keys.holders) == keys.partitions == 1024
    for name, before in topics.items():
        topic = keys.topic("app1", name)
        assert topic.partition == topic.order == before.order == keys.partition_of("app1", name)
        assert topic.partition % PARTITIONS == before.partition == partition_of("app1", name)
        assert topic.counts == before.counts.replace(f"{{p{before.partition}}}", f"{{p{topic.partition}}}")
    assert len({keys.topic("app1", name).partition for name in topics}) > 900


def test_what_is_kept_of_channels_that_come_and_go_is_bounded_in_bytes() -> None:
    """A client may make up a thousand names of 1 KiB in each second."""
    keys = Keys("revurb")
    for number in range(MAX_LONG_NAMES + 10):
        assert keys.topic("app1", f"{number:01024}").id.endswith(f"{number:01024}")
    assert keys.topic.cache_info().currsize <= MAX_LONG_NAMES
    assert keys.topic("app1", "news") is keys.topic("app1", "news")
