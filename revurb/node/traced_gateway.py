"""`--debug`: prints each request and its response. Without it nothing of this is on their way."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable

from revurb.node.gateway import Gateway
from revurb.observe.trace import MessageTrace
from revurb.transport.handlers import Answer, Upgrade
from revurb.wire.http import Request


class TracedGateway:
    """The transport's RequestHandler: passes requests on, and prints them with a number that their responses have
    too. Connections that become WebSockets are printed by their sessions."""

    def __init__(self, gateway: Gateway, trace: MessageTrace) -> None:
        self._gateway = gateway
        self._trace = trace
        self._numbers = itertools.count(1)

    def on_request(self, request: Request) -> Answer | Awaitable[Answer]:
        if request.upgrade:  # its answer may be a future that has to be cancelled itself
            return self._gateway.on_request(request)
        number = next(self._numbers)
        self._trace.request(number, request.method, request.path, request.body)
        answer = self._gateway.on_request(request)
        if isinstance(answer, Awaitable):
            return self._await_answer(number, answer)
        return self._traced(number, answer)

    async def _await_answer(self, number: int, answer: Awaitable[Answer]) -> Answer:
        return self._traced(number, await answer)

    def _traced(self, number: int, answer: Answer) -> Answer:
        if not isinstance(answer, Upgrade):
            self._trace.response(number, answer.status, answer.body)
        return answer
