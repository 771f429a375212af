"""Processes: the composition root and what runs it.

Reading order: gateway, drain, node, embedding, process; then supervised, worker, child, place, workers, supervisor.
"""
