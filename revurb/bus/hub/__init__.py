"""The bus of the workers of one host: each talks to one broker process over a Unix socket.

The broker (`broker.py`, pure logic) puts all events in one order, sends each to the workers that have subscribers
for it and keeps the ledger. A worker's side is `bus.py`. One connection carries everything, so a worker sees replies
and events in the broker's order: what arrives behind the reply to an `Enter` happened behind it.

Reading order: messages, framing, log, broker, server; link, questions, subscriptions, bus.
"""
