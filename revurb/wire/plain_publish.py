"""Requests to publish as SDKs send them, cut out of their bytes whole, and what their signatures are checked with.

For `api`, which the kernels are not for (docs/architecture.md).
"""

from __future__ import annotations

from revurb._speedups.digests import Md5, SigningKey
from revurb._speedups.publishes import PlainPublish, cut_publish

__all__ = ["Md5", "PlainPublish", "SigningKey", "cut_publish"]
