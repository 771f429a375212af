"""Revurb: a self-hosted Pusher server, drop-in for a Laravel Reverb node.

`Server` runs one inside your own program; `revurb serve` is the command. `App` also answers the requests of clients for
private and presence channels. `Client` is a client of any Pusher server; what else belongs to it is in `pusher_client`.
"""

from typing import TYPE_CHECKING

from revurb.apps import App, AppLimits, HistoryRule, RateLimit, WebhookTarget
from revurb.version import __version__

if TYPE_CHECKING:
    from revurb.node.channel_info import ChannelInfo
    from revurb.node.embedding import Server, ThreadedServer
    from revurb.node.recorded_events import SentEvent
    from revurb.pusher.hooks import HookConnection, Refuse
    from revurb.pusher_client import Client

__all__ = [
    "App",
    "AppLimits",
    "ChannelInfo",
    "Client",
    "HistoryRule",
    "HookConnection",
    "RateLimit",
    "Refuse",
    "SentEvent",
    "Server",
    "ThreadedServer",
    "WebhookTarget",
    "__version__",
]


def __getattr__(name: str) -> object:
    # Loaded when asked for: `revurb config check` needs no event loop and no kernels.
    if name in ("ChannelInfo", "SentEvent", "Server", "ThreadedServer"):
        from revurb.node import embedding

        return getattr(embedding, name)
    if name == "Client":
        from revurb.pusher_client import Client

        return Client
    if name in ("HookConnection", "Refuse"):
        from revurb.pusher import hooks

        return getattr(hooks, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
