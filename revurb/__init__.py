"""Revurb: a self-hosted Pusher server, drop-in for a Laravel Reverb node.

`Server` runs one inside your own program; `revurb serve` is the command.
"""

from typing import TYPE_CHECKING

from revurb.apps import App, RateLimit
from revurb.version import __version__

if TYPE_CHECKING:
    from revurb.node.embedding import Server

__all__ = ["App", "RateLimit", "Server", "__version__"]


def __getattr__(name: str) -> object:
    # Loaded when asked for: `revurb config check` needs no event loop and no kernels.
    if name == "Server":
        from revurb.node.embedding import Server

        return Server
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
