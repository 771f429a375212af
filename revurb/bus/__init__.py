"""Fan-out between processes: moves finished events, never looks inside one, and knows who is on which channel.

`pusher.ports.Bus` says what a bus does. `local` is that of a single process; `brokered` that of one of several, with
`hub` (the workers of one host) or `redis` (many hosts) as its broker. Reading order: events, holdings, cache, alone,
local; then ledger, brokered, hub.
"""
