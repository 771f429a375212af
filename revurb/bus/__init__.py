"""Fan-out between processes: moves finished events, never looks inside one, and knows who is on which channel.

`pusher.ports.Bus` says what a bus does. Three engines: `local` (one process), `hub` (the workers of one host, over a
broker process), and with Redis many hosts. Reading order: holdings, cache, local; then ledger, outbound, hub.
"""
