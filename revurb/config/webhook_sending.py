"""Declares the options of webhooks that all targets share; those of one target are in webhook_options.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from revurb.config.option import Option


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhooksConfig:
    """Where webhooks may go, what is smoothed away, and what becomes of those that nobody takes."""

    allow_private: Annotated[
        bool,
        Option(
            env="REVURB_WEBHOOKS_ALLOW_PRIVATE",
            doc="Send webhooks also to addresses that are not public, such as 127.0.0.1 or those of a private network.",
        ),
    ] = False
    smoothing_s: Annotated[
        float,
        Option(
            env="REVURB_WEBHOOKS_SMOOTHING",
            minimum=0,
            maximum=60,
            doc="Seconds that `channel_vacated` and `member_removed` wait for the opposite, which takes both away; 0 "
            "is off.",
        ),
    ] = 3.0
    max_queued_bytes: Annotated[
        int,
        Option(
            env="REVURB_WEBHOOKS_MAX_QUEUED",
            minimum=65_536,
            doc="Bytes of events that may wait for one target, and for all together four times as many; beyond it "
            "the oldest are given up.",
        ),
    ] = 67_108_864
    max_age_s: Annotated[
        float,
        Option(
            env="REVURB_WEBHOOKS_MAX_AGE",
            minimum=1,
            doc="Seconds that an event may wait for its target before it is given up.",
        ),
    ] = 600.0
    dead_letters: Annotated[
        str | None,
        Option(
            env="REVURB_WEBHOOKS_DEAD_LETTERS",
            is_path=True,
            doc="File for events that were given up, a line of JSON each; at 64 MiB it becomes FILE.1. Without a value "
            "they are only counted and logged.",
        ),
    ] = None
