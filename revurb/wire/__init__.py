"""Bytes to values and back: WebSocket, its handshake, HTTP/1.1. No socket, no clock, no logging, no asyncio."""
