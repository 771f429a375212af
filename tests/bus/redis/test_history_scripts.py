"""The scripts about history. What they do: test_redis_history.py, test_kept_bytes.py and test_engine_history.py."""

from revurb.bus.redis.history_scripts import entering, publishing
from revurb.bus.redis.scripts import ENTER, PUBLISH_BATCH


def test_channels_without_history_cost_nothing() -> None:
    plain = publishing(PUBLISH_BATCH, has_history=False)
    kept = publishing(PUBLISH_BATCH, has_history=True)
    assert "head" not in plain
    assert "place(log, e)" in kept
    for script in (plain, kept):
        assert "@OPEN@" not in script
        assert "@REPLY@" not in script
    assert "replay" not in ENTER
    assert entering(ENTER).count("replay()") == 2
