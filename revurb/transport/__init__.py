"""Sockets, clocks and backpressure. Knows nothing of Pusher.

Reading order: handlers, timer_wheel, intake, connections, http_connection, client_connection, listener, tls.
"""
