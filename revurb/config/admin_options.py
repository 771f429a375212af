"""Declares the options of the admin listener, and of the metrics that it shows."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from revurb.config.normalization import listen_hosts
from revurb.config.option import Option

# A worker tells the figures of each app once a second, which blocks its loop for 18 ms with so many, and the supervisor
# for 12 ms for each worker when it is asked; with 1,000 it would be 70 ms, with 10,000 0.85 s.
MAX_MEASURED_APPS = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminConfig:
    """The listener for those who run the server: metrics, state and health."""

    host: Annotated[
        str,
        Option(
            env="REVURB_ADMIN_HOST",
            flag="--admin-host",
            parse=listen_hosts,
            allowed="host names or addresses, by commas",
            doc="Addresses of the admin listener, by commas; any that is not loopback needs `admin.token`.",
        ),
    ] = "127.0.0.1"
    port: Annotated[
        int | None,
        Option(
            env="REVURB_ADMIN_PORT",
            flag="--admin-port",
            minimum=0,
            maximum=65535,
            doc="TCP port of the admin listener, which has `/metrics`, `/status`, `/ready` and `/live` (see "
            "[monitoring](monitoring.md)); 0 picks a free one, without a value there is none.",
        ),
    ] = None
    token: Annotated[
        str | None,
        Option(
            env="REVURB_ADMIN_TOKEN",
            secret=True,
            pattern=r"^[!-~]([ -~]*[!-~])?$",
            allowed="a text of ASCII characters",
            doc="What has to be sent to the admin listener as `Authorization: Bearer ...`.",
        ),
    ] = field(default=None, repr=False)

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(self.host.split(","))


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsConfig:
    """What metrics are called, and how many apps have their own."""

    names: Annotated[
        Literal["revurb", "soketi"],
        Option(
            env="REVURB_METRICS_NAMES",
            doc="Whose names metrics have: with `soketi` those that soketi has too have its names and labels, so that "
            "its dashboards go on working.",
        ),
    ] = "revurb"
    prefix: Annotated[
        str | None,
        Option(
            env="REVURB_METRICS_PREFIX",
            pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$",
            allowed="letters, digits and _, such as revurb_",
            doc="What these names begin with; without a value `revurb_` or `soketi_`.",
        ),
    ] = None
    max_apps: Annotated[
        int,
        Option(
            env="REVURB_METRICS_MAX_APPS",
            minimum=0,
            maximum=MAX_MEASURED_APPS,
            doc="Apps that have metrics of their own, those that are used first; all others together are `other`.",
        ),
    ] = 100


def admin_problems(admin: AdminConfig, provenance: Mapping[str, str]) -> Iterator[str]:
    """Yields what is wrong with an admin listener that others than this host can reach."""
    for host in admin.hosts:
        if admin.port is not None and admin.token is None and not is_loopback(host):
            yield (
                f"admin.token: not set, but found {host!r} in {provenance['admin.host']} for admin.host; allowed: "
                "a token (REVURB_ADMIN_TOKEN), or a host that only this machine can reach (127.0.0.1)"
            )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name such as 127.0.example.com, which may be that of any address
        return False
