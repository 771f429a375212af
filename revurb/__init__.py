"""Revurb: a self-hosted Pusher server, drop-in for a Laravel Reverb node."""

__version__ = "0.1.0"
