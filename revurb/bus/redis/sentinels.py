"""Finding the server that Sentinels name, and saying why it is not found."""

from __future__ import annotations

from redis.asyncio import Redis, Sentinel
from redis.asyncio.sentinel import MasterNotFoundError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from revurb.bus.redis.refusals import reason_of


class NamingSentinels(Sentinel):
    """Those of one client. Beside redis-py's, which puts its own objects into the text of the error, all connections of
    the client are to one server: what is published on it is heard on no other. A failover between two of them would
    leave one with a server that was demoted."""

    _named: tuple[str, int] | None = None

    async def discover_master(self, service_name: str) -> tuple[str, int]:
        """The address of the server. Raises MasterNotFoundError, which says what each Sentinel answered; and
        ConnectionError if it is another server than before: a new client finds that."""
        address = await self._ask_for_master(service_name)
        if self._named not in (None, address):
            raise RedisConnectionError("the Sentinels name another server than they did")
        self._named = address
        return address

    async def _ask_for_master(self, service_name: str) -> tuple[str, int]:
        reasons = []
        for number, sentinel in enumerate(self.sentinels):
            try:
                masters = await sentinel.sentinel_masters()
            except (RedisError, OSError) as error:
                reasons.append(f"{_address(sentinel)}: {reason_of(error)}")
                continue
            state = masters.get(service_name) if isinstance(masters, dict) else None
            if state is None:
                reasons.append(f"{_address(sentinel)}: knows no such server")
            elif not self.check_master_state(state, service_name):
                reasons.append(f"{_address(sentinel)}: takes it for dead")
            else:
                self.sentinels[0], self.sentinels[number] = (
                    sentinel,
                    self.sentinels[0],
                )  # asked first from now on
                return state["ip"], state["port"]
        raise MasterNotFoundError(f"no Sentinel names the server {service_name!r}: {'; '.join(reasons)}")


def _address(sentinel: Redis) -> str:
    options = sentinel.connection_pool.connection_kwargs
    host = f"[{options['host']}]" if ":" in options["host"] else options["host"]
    return f"{host}:{options['port']}"
