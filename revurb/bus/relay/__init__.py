"""Redis once to a host: its workers reach Redis through one process, the relay, which has the connections.

A worker is to Redis what it is with connections of its own: a node with a lease, whose session begins, catches up with
the logs, and ends when something breaks. Its commands go to the relay over a Unix socket, packed; those of all workers
share pipelines. What Redis publishes comes to the host once, and is given to the workers through the log of the host.

Reading order: relay_messages, relay_records, relay_reader, relayed_sockets, relayed_redis for the worker's side;
merged_pipelines, host_answers, relay_session, relay_server for the relay's.
"""
