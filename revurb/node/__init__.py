"""What one process serves: the composition root, the front door to it, and how it starts, drains and is embedded.

Reading order: gateway, drain, node, embedding; then bus_factory, cluster_status.
"""
