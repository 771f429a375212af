"""For the tests of applications: a node that tells what was published, and clients that tell what they received.

pytest finds the fixtures by itself (`plugin.py`). In reading order: `expectation` is what an assertion waits for,
`recording_node` and `recording_client` do the work on the loop of the node's thread, `revurb_node` is what synchronous
tests have of them, and `async_revurb_node` what asynchronous ones have.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from revurb.testing.async_revurb_node import AsyncRevurbClient, AsyncRevurbNode
    from revurb.testing.revurb_node import RevurbClient, RevurbNode

__all__ = ["AsyncRevurbClient", "AsyncRevurbNode", "RevurbClient", "RevurbNode"]


def __getattr__(name: str) -> object:
    # Loaded when asked for: pytest loads this package with the plugin, for tests that need no node as well.
    if name in ("RevurbClient", "RevurbNode"):
        from revurb.testing import revurb_node

        return getattr(revurb_node, name)
    if name in ("AsyncRevurbClient", "AsyncRevurbNode"):
        from revurb.testing import async_revurb_node

        return getattr(async_revurb_node, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
