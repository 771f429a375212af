"""Living among PHP Reverb nodes: their one Redis channel, on which every node receives everything.

Reading order: php (their serialisation), php_json, php_release (who may be asked what), message_parts,
metrics_messages, reverb_messages, metrics_answers and metrics_requests (questions of PHP nodes and to them),
reverb_queue, reverb_connection, reverb_bridge, bridged_bus (all of it, in front of the bus of Revurb's own nodes).

A PHP node dies of whatever it cannot decode, so nothing is sent but the shapes that two of them were seen to exchange;
and nothing that comes can end this node. An application is sent as its id alone, which PHP nodes accept: no secret
leaves a Revurb node.
"""
