"""Processes: the composition root and what runs it.

Reading order: gateway, drain, node, embedding, process; then supervised, worker, hub, child, place, workers,
supervisor.
"""
