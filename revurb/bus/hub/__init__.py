"""What connects the workers of one host: the log, through which all events go, and a broker in a process of its own.

event_log.py has the memory that all share; worker_log.py and hub_log.py are what workers and hub do with it. broker.py
(pure logic) keeps the ledger, behind a Unix socket. What it says to all, and its replies to subscribers, it appends
to the log, so that they have a place among the events.

Reading order: event_log, worker_log, hub_log; framing, peer, takeover, open_surveys, question_answers, membership,
absent_workers, broker, hub_server; hub_link is the worker's side.
"""
