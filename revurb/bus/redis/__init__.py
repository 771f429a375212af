"""The broker of many hosts: a Redis, whose scripts put events in order and keep the ledger.

Everything about a channel lives in one of 64 partitions, chosen by its name: its part of the log, its members, its
counts. All keys of a partition share a hash tag, so that a Redis Cluster keeps them together. What happens in a
partition has one order, and each process keeps it.

Two roads lead from Redis to a process: replies on the command connection, and events on the subscribing one. So that
a reply to `Enter` has its place among the events, the script also publishes a marker on the process's own channel:
what comes behind the marker happened behind the `Enter`.

Reading order: keys, scripts, commands, publishing, listener, incoming, ledger, control, pulse, link.
"""
