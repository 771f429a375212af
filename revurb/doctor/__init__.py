"""`revurb doctor`: checks of a server's surroundings, one file for each thing that is examined.

Reading order: finding, examination; then redis_server, php_nodes, other_nodes.
"""
