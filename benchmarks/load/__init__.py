"""Whole-server load: what an operation costs the server, beside the floor of the machine and beside peers."""
