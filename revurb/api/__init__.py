"""The HTTP API of Pusher Channels as Laravel Reverb answers it: a request value in, a response value out.

Reading order: answers, routes, signature, fields, deferred, events, channels, users, reconnect_requests,
request_rates, idempotency, endpoint.
"""
