"""The bus of a process that is one of several: a broker connects them.

`bus.py` is the same for every kind of broker: what this process holds, what it has published and what it has asked
is its own, and the broker is told of it again whenever that is needed. A link (`link.py` says what one is) carries the
messages: `hub.link` to a broker process, `redis.link` to a Redis, whose scripts are the broker.

Reading order: messages, link, beats, outbound, questions, subscriptions, bus.
"""
