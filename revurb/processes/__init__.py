"""Starts and supervises the processes of a server: a single node, or a supervisor with workers and their hub.

Reading order: single_node; then supervised_process, worker, hub, child, slot, worker_pool, supervisor.
"""
