"""What `revurb doctor` tells of the legacy channel."""

from __future__ import annotations

from revurb.config import Config, RedisConfig, ScalingConfig
from revurb.doctor.php_nodes import check_legacy_channel
from tests.conftest import Run
from tests.redis_server import RedisServer


def test_php_nodes_are_counted_apart_from_ours(server: RedisServer, run: Run) -> None:
    async def main() -> None:
        client = server.client()
        pubsubs = [client.pubsub() for _ in range(3)]
        for pubsub in pubsubs:
            await pubsub.subscribe("reverb")
            await pubsub.get_message(timeout=10)  # Redis has subscribed it
        await pubsubs[0].subscribe("revurb:bridges:reverb")
        await pubsubs[0].get_message(timeout=10)
        client.response_callbacks.clear()
        finding = await check_legacy_channel(client, Config())
        assert (finding.mark, finding.subject) == ("ok", "legacy channel")
        assert finding.observation == "PHP Reverb nodes that listen on 'reverb': 2; Revurb nodes: 1"
        alone = Config(scaling=ScalingConfig(protocol="revurb"))
        assert (await check_legacy_channel(client, alone)).mark == "warning"
        in_cluster = Config(scaling=ScalingConfig(redis=RedisConfig(cluster=True)))
        assert (await check_legacy_channel(client, in_cluster)).mark == "ok"
        for pubsub in pubsubs:
            await pubsub.aclose()  # type: ignore[no-untyped-call]
        await client.aclose()

    run(main())
