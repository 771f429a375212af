"""Sockets, clocks and backpressure. Knows nothing of Pusher.

Reading order: handlers, timer_wheel, intake, transport_buffers, connections, http_connection, paced_connection,
client_connection, listener, tls.
"""
