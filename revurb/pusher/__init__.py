"""The Pusher Channels protocol, version 7, as Laravel Reverb speaks it.

Pure logic over the small ports of `ports.py`: no socket, no event loop, no bus. Reading order: channel_name,
lone_surrogates, messages, errors, presence, channel, registry, session_state, subscribing, client_events, session,
triggering.
"""
