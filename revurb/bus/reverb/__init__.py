"""Living among PHP Reverb nodes: their one Redis channel, on which every node hears everything.

Reading order: php (their serialisation), messages (what is said), answering and asking (metrics), outgoing, bridge (the
connection), bus (the whole, in front of the bus of Revurb's own nodes).

A PHP node ends on whatever it cannot decode, so nothing is sent but the shapes that two of them were seen to exchange;
and nothing that comes can end this one. An application travels as its id alone, which PHP nodes accept: no secret
leaves a Revurb node.
"""
