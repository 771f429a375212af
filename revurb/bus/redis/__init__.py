"""The broker of many hosts: a Redis, whose scripts put events in order and keep the ledger.

Everything about a channel lives in one of 64 partitions (1,024 in a Redis Cluster), which its name decides: its part of
the log, its members, its counts. All keys of a partition share a hash tag, so that a Redis Cluster keeps them together.
Within a partition everything has one order, and each node handles it in that order.

A node receives from Redis on two connections, which a worker shares with others (bus/relay): replies on the command
connection, events on the subscribing one. So that the reply to an Enter message has its place among the events, the
script also publishes a marker on a channel of the node's own: what comes behind the marker happened after the Enter.

What others write into Redis concerns at most its own channel: it is counted, logged with its key (invalid_values), and
passed over or moved out of the way (refusals, command_queue).

Reading order: keys, scripts, node_scripts, redis_socket, shared_redis, pipelines, cluster_pipelines, invalid_values,
refusals, command_queue, envelope, event_publisher, pubsub_listener, topic_subscriptions, incoming_events,
ledger_values, redis_ledger, ledger_queries, node_removal, node_leases, redis_heartbeat, session_start, redis_session,
redis_link.
"""
