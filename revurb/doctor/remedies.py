"""What an operator does about an error of Redis, by the word that Redis has for it."""

from __future__ import annotations

from collections.abc import Mapping

from revurb.bus.redis.refusals import word_of

_BY_WORD: Mapping[str, str] = {
    "NOAUTH": "It asks for a password: REDIS_PASSWORD, and REDIS_USERNAME where it has users (ACL).",
    "WRONGPASS": "REDIS_USERNAME and REDIS_PASSWORD are not those of a user that is on.",
    "NOPERM": "The user (ACL) may not do that: the rights that it needs are in docs/redis.md.",
    "READONLY": "This is a replica: give the address of the primary, or REVURB_REDIS_SENTINELS.",
    "OOM": "Its memory is used up: raise maxmemory, or see what else fills it.",
    "MISCONF": "It cannot save to its disk, and takes no writes for that reason: its own log says why.",
    "LOADING": "It has just started and reads its data: wait.",
    "MASTERDOWN": "This is a replica that has lost its primary: give the address of the primary.",
    "CLUSTERDOWN": "A part of the Cluster has no server: redis-cli cluster info.",
    "NOREPLICAS": "Too few replicas follow it (min-replicas-to-write).",
    "BUSY": "A script of somebody else's blocks it: redis-cli SCRIPT KILL.",
}
_WHERE = "Check REDIS_URL or REDIS_HOST and REDIS_PORT. "
_BY_TEXT: Mapping[str, str] = {
    "certificate": "REVURB_REDIS_TLS_CA for an authority of its own, REVURB_REDIS_TLS_SERVER_NAME for another name; "
    "REVURB_REDIS_TLS_VERIFY=false checks nothing.",
    "no Sentinel names": "REVURB_REDIS_SENTINELS, REVURB_REDIS_SENTINEL_MASTER; their own user is "
    "REVURB_REDIS_SENTINEL_USERNAME and _PASSWORD, and REVURB_REDIS_SENTINEL_TLS=true has them spoken to with TLS.",
    "DB index is out of range": "REDIS_DB, or the path of REDIS_URL, is a number that it has no database for.",
    "Timeout connecting": _WHERE + "It may not speak TLS, or a firewall swallows what is sent there.",
    "reset by peer": _WHERE + "It may speak TLS alone: REDIS_SCHEME=tls, or rediss:// in REDIS_URL.",
    "onnection closed by server": _WHERE
    + "It may speak TLS alone: REDIS_SCHEME=tls, or rediss:// in REDIS_URL.",
}


def remedy_for(error: BaseException, otherwise: str) -> str:
    """One sentence or two; `otherwise` if nothing is known of the error."""
    word, text = word_of(error), str(error)
    # Sentinels have words too, and users of their own.
    if word is not None and word in _BY_WORD and "no Sentinel names" not in text:
        return _BY_WORD[word]
    return next((remedy for part, remedy in _BY_TEXT.items() if part in text), otherwise)
