"""Fan-out between nodes: publishes finished events, never looks inside one, and knows who is on which channel.

pusher/ports.py says what a bus does. local.py is the bus of a node that is alone; brokered/ that of one of several
nodes, with hub/ (the workers of one host) or redis/ (many hosts) as its broker; relay/ has the connections to Redis of
the workers of a host; reverb/ adds the PHP Reverb nodes of the same Redis. Reading order: engine, member_events,
local_state, local_view, cache, local; then ledger, step_queue, brokered, hub, redis, relay, reverb.
"""
