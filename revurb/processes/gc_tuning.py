"""Settings of CPython's garbage collector for a process with many connections."""

from __future__ import annotations

import gc

# Thresholds of the three generations: the number of new objects that starts a collection, and after how many
# collections of a generation the next older one is collected too. A connection creates 15 objects that stay, so
# CPython's threshold of 700 collects every 50 connections, and again with the older generations. Connecting and
# subscribing takes 186 us with 700, 166 us with 10,000 and 173 us with 50,000. Almost nothing here is left for the
# collector: objects that end drop their references. A collection of the second generation takes 3.3 ms after 5 of the
# first, and 13 ms after 20; one of the oldest 48 ms with 100,000 channels, so that is left to the MemoryTrimmer but for
# once in 500 million objects.
THRESHOLDS = (10_000, 5, 10_000)


def tune_garbage_collector() -> None:
    """Excludes the objects that exist now from all later collections, and sets `THRESHOLDS`. Must be called after the
    node has started, so that its long-lived objects are among those excluded."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
