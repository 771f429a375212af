"""Processes: the composition root and what runs it.

Reading order: gateway, node, embedding, process.
"""
