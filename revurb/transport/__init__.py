"""Sockets, clocks and backpressure. Knows nothing of Pusher.

Reading order: ports, wheel, acceptor, http_connection, socket_connection, listener, tls.
"""
