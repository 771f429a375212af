"""The bus of a node that is one of several, which a broker connects.

brokered_bus.py is the same for every kind of broker. What this node holds, has published and has asked is kept here,
and is sent again to a broker that does not know it. A link (broker_link.py) carries the messages: hub/hub_link.py to a
hub process, redis/redis_link.py to a Redis, whose scripts are the broker.

Reading order: broker_messages, broker_link, reconnect_backoff, heartbeat_lag, outbound_queue, broker_queries,
member_changes, pending_enters, count_reporter, greeting, node_report, paced_sender, sliced_steps, subscriptions,
outage, brokered_bus.
"""
