"""The broker of the workers of one host: a process of its own, behind a Unix socket.

broker.py (pure logic) puts all events in one order, sends each to the workers that have subscribers for it, and keeps
the ledger. One connection carries everything to a worker, so it receives replies and events in the broker's order: what
comes behind the reply to an Enter message happened after it.

Reading order: framing, event_log, peer, topic_routes, takeover, broker, hub_server; hub_link is the worker's side.
"""
