"""Who keeps processes running: one process alone, or a supervisor with workers and their hub.

Reading order: single; then supervised, worker, hub, child, slot, worker_pool, supervisor.
"""
