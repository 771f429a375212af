"""What `revurb doctor` tells of the legacy channel."""

from __future__ import annotations

from revurb.config import Config
from revurb.doctor.php_nodes import check_legacy_channel
from tests.conftest import Run
from tests.redis_server import RedisServer


def test_listeners_are_counted(server: RedisServer, run: Run) -> None:
    async def main() -> None:
        client = server.client()
        pubsub = client.pubsub()
        await pubsub.subscribe("reverb")
        await pubsub.get_message(timeout=10)  # Redis has subscribed it
        client.response_callbacks.clear()
        finding = await check_legacy_channel(client, Config())
        assert (finding.mark, finding.subject) == ("ok", "legacy channel")
        assert finding.observation == "1 listen on 'reverb' (PHP Reverb nodes, and ours)"
        await pubsub.aclose()  # type: ignore[no-untyped-call]
        await client.aclose()

    run(main())
