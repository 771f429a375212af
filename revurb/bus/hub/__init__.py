"""The broker of the workers of one host: a process of its own, on a Unix socket.

The broker (`broker.py`, pure logic) puts all events in one order, sends each to the workers that have subscribers
for it and keeps the ledger. One connection carries everything, so a worker sees replies and events in the broker's
order: what arrives behind the reply to an `Enter` happened behind it.

Reading order: framing, log, broker, server; link is the worker's side.
"""
