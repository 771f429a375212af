"""Leaf services: logging, counters, and the message trace of `--debug`."""
