"""The broker of many hosts: a Redis, whose scripts put events in order and keep the ledger.

Everything about a channel lives in one of 64 partitions, which its name decides: its part of the log, its members, its
counts. All keys of a partition share a hash tag, so that a Redis Cluster keeps them together. Within a partition
everything has one order, and each node handles it in that order.

A node receives from Redis on two connections: replies on the command connection, events on the subscribing one. So that
the reply to an Enter message has its place among the events, the script also publishes a marker on a channel of the
node's own: what comes behind the marker happened after the Enter.

Reading order: keys, scripts, pipelines, command_queue, envelope, event_publisher, pubsub_listener, incoming_events,
redis_ledger, node_leases, redis_heartbeat, redis_session, redis_link.
"""
