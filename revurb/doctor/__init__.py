"""`revurb doctor`: checks of a server's surroundings, one file for each thing that is examined.

Reading order: finding, examination; of this host local_server, server_certificate, system_limits, configured_apps,
webhook_targets; of Redis remedies, redis_server, php_nodes, other_nodes.
"""
