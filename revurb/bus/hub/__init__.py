"""The broker of the workers of one host: a process of its own, behind a Unix socket.

broker.py (pure logic) keeps the ledger, and event_router.py puts all events in one order and sends each to the workers
that have subscribers for it. One connection carries everything to a worker, so it receives replies and events in the
broker's order: what comes behind the reply to an Enter message happened after it.

Reading order: framing, event_log, backlog, peer, topic_routes, held_events, event_router, takeover,
open_surveys, question_answers, membership, broker, hub_server; hub_link is the worker's side.
"""
