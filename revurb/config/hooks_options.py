"""Declares the options of hooks: users' own code that is told of connections, and asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from revurb.config.option import Option


@dataclass(frozen=True, slots=True, kw_only=True)
class HooksConfig:
    """The classes, and what is done about one that fails."""

    classes: Annotated[
        tuple[str, ...] | None,
        Option(
            env="REVURB_HOOKS",
            allowed="package.module:Class, or the name of an entry point of the group revurb.hooks; several by commas",
            doc="Classes (or functions that make an instance) whose methods are called: see [hooks](hooks.md).",
        ),
    ] = None
    timeout_s: Annotated[
        float,
        Option(
            env="REVURB_HOOKS_TIMEOUT",
            minimum=0.001,
            doc="Seconds after which an asynchronous hook is cut off.",
        ),
    ] = 1.0
    on_failure: Annotated[
        Literal["allow", "refuse"],
        Option(
            env="REVURB_HOOKS_FAIL",
            doc="What counts where a hook that is asked raises, or is cut off.",
        ),
    ] = "allow"
    sample: Annotated[
        int,
        Option(
            env="REVURB_HOOKS_SAMPLE",
            minimum=1,
            doc="Of so many messages one is told to `on_message_sent`, and one to `on_message_received`.",
        ),
    ] = 100
