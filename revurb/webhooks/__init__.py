"""Webhooks: other servers are told what happens on channels, as Pusher tells them. docs/webhooks.md.

Reading order: payload, app_targets, target_book; smoothing, fact_progress, target_queue, retry_policy,
kept_request; bounded_connector, name_lookup, http_client; dead_letter_file, dead_letters, delivery_desk,
target_delivery, sending_turn, sender.
"""
