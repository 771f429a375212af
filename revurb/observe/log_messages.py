"""Every message that a server logs, with its levels and its fields: what collectors and alerts may rely on.

A message is a constant text, and what varies is in its fields. One that is here is not renamed, and loses no field,
without a line in the changelog. docs/logs.md is made of this, and a test looks for messages that are not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class LogMessage(NamedTuple):
    """`levels` and `fields` have spaces in between. A line has those of its fields that are known."""

    levels: str
    fields: str = ""


# By what they are about: the message, and what its lines have.
LOG_MESSAGES: Mapping[str, Mapping[str, LogMessage]] = {
    "The start": {
        "going on as the same program": LogMessage("warning", "error"),
        "the command cannot be run": LogMessage("error", "problem"),
        "the configuration cannot be used": LogMessage("error", "problem"),
        "the server cannot run": LogMessage("error", "reason"),
        "configuration": LogMessage("warning", "warning"),
        "serving an app": LogMessage("info", "app key"),
    },
    "Processes": {
        (
            "no control socket, so that status, stop, restart and reload will not find this server; set "
            "REVURB_RUNTIME_DIR to a folder that can be written"
        ): LogMessage("warning", "reason"),
        "option has changed, which a restart of the workers cannot do: stop and start": LogMessage(
            "warning", "option in_use configured"
        ),
        "hub is ready": LogMessage("info"),
        "hub ends": LogMessage("info", "told_by"),
        "relay is ready": LogMessage("info"),
        "relay ends": LogMessage("info", "told_by"),
        "relay stays until its workers have gone": LogMessage("info", "told_by"),
        "reloaded the TLS certificate": LogMessage("info"),
        "listening": LogMessage("info", "version host port open_files_limit workers"),
        "stopping": LogMessage("info", "told_by drain_delay_s drain_timeout_s"),
        "stopped": LogMessage("info"),
        "ending without threads that do not end": LogMessage("warning", "threads after_s"),
        (
            "reloaded the TLS certificate; configuration and code are read at a start, and by SIGHUP with "
            "--workers 2 or more"
        ): LogMessage("info"),
        "reload failed, the old certificate stays in use": LogMessage("error", "error"),
        "process ended, replacing it": LogMessage("error", "child pid exit_code signal lived_s restart_in_s"),
        "cannot start a process, trying again": LogMessage("error", "child error restart_in_s"),
        "process did not end in time, killing it": LogMessage("warning", "child pid"),
        "process did not get ready in time, killing it": LogMessage("error", "child pid"),
        "process leaves unasked, replacing it": LogMessage("warning", "child pid"),
        "the event loop is blocked": LogMessage("warning", "stack"),
        "starting": LogMessage("info", "version host port workers open_files_limit"),
        "unknown message on a link": LogMessage("warning", "error"),
        "restarting": LogMessage("info", "told_by directory"),
        "process cannot run as configured": LogMessage("error", "child pid problems"),
        "log level is changed": LogMessage("info", "new_level for_s"),
        "log level is as configured again": LogMessage("info", "new_level"),
        "ending at once": LogMessage("info", "told_by"),
        "restart failed, the old workers stay": LogMessage("error", "reason"),
        "restarted": LogMessage("info", "workers"),
        "template is lost, its processes start without it": LogMessage("warning", "pid reason"),
        "template cannot be started": LogMessage("warning", "error"),
        "process is blocked, and this is where": LogMessage("warning", "child pid blocked_s stack"),
        "process goes on": LogMessage("warning", "child pid blocked_s"),
        "process is blocked for too long, killing it": LogMessage("error", "child pid blocked_s"),
        "worker is ready": LogMessage("info"),
        "worker is draining": LogMessage("info", "told_by connections"),
        "worker has drained": LogMessage("info"),
        "cannot accept for another worker, trying again": LogMessage("warning", "slot error"),
        "restart waits until workers of earlier ones have drained": LogMessage("warning", "workers at_most"),
    },
    "TLS": {
        "renewed the TLS certificate, whose file has changed": LogMessage("info", "cert"),
        "the TLS certificate has ended: clients refuse it": LogMessage("error", "cert"),
        "the TLS certificate ends soon": LogMessage("warning", "cert ends days_left"),
        "the TLS certificate has changed and cannot be used, the old one stays in use": LogMessage(
            "error", "error"
        ),
    },
    "Clients and requests": {
        "no file descriptor is left, clients are dropped": LogMessage("error", "open_files_limit reason"),
        "message handling failed": LogMessage("error", "socket_id"),
        "request failed": LogMessage("error", "method path"),
        "a plain handshake failed": LogMessage("error"),
        "a large request could not be admitted": LogMessage("error", "path"),
        "a timed connection failed": LogMessage("error"),
    },
    "Refusals": {
        "wrong signature": LogMessage(
            "warning", "client method path request_id forwarded_for status reason advice"
        ),
        "wrong method": LogMessage(
            "info", "client method path request_id forwarded_for status reason advice"
        ),
        "request came too slowly": LogMessage(
            "info", "client method path request_id forwarded_for status reason advice"
        ),
        "request is under way": LogMessage(
            "info", "client method path request_id forwarded_for status reason advice"
        ),
        "request too large": LogMessage(
            "warning", "client method path request_id forwarded_for status reason advice"
        ),
        "wrong fields": LogMessage(
            "warning", "client method path request_id forwarded_for status reason advice"
        ),
        "no WebSocket": LogMessage(
            "warning", "client method path request_id forwarded_for status reason advice"
        ),
        "too many requests": LogMessage(
            "warning", "client method path request_id forwarded_for status reason advice"
        ),
        "bad request": LogMessage(
            "warning", "client method path request_id forwarded_for status reason advice"
        ),
        "broken request": LogMessage(
            "warning", "client method path request_id forwarded_for status reason advice"
        ),
        "bad handshake": LogMessage(
            "warning", "client method path request_id forwarded_for status reason advice"
        ),
        "TLS handshake on a plain port": LogMessage(
            "warning", "client method path request_id forwarded_for status reason advice"
        ),
        "unknown path": LogMessage(
            "info", "client method path request_id forwarded_for status reason advice"
        ),
        "unknown app": LogMessage(
            "warning", "client method path request_id forwarded_for key status reason advice"
        ),
        "app is disabled": LogMessage(
            "info warning", "client method path request_id forwarded_for key status reason advice"
        ),
        "origin refused": LogMessage(
            "warning", "client method path request_id forwarded_for origin key advice"
        ),
        "app is full": LogMessage("warning", "client method path request_id forwarded_for key advice"),
        "address is full": LogMessage("warning", "client method path request_id forwarded_for key advice"),
        "server is full": LogMessage("warning", "client method path request_id forwarded_for advice"),
        "subscription refused": LogMessage("warning", "client app socket_id channel reason advice"),
        "sign-in refused": LogMessage("warning", "client app socket_id channel reason advice"),
        "nobody signed in": LogMessage("warning", "client app socket_id channel reason advice"),
        "client event refused": LogMessage("warning", "client app socket_id channel reason advice"),
        "subscription refused by a hook": LogMessage("warning", "client app socket_id channel reason advice"),
        "client event refused by a hook": LogMessage("warning", "client app socket_id channel reason advice"),
        "rate limit exceeded": LogMessage("warning", "client app socket_id channel reason advice"),
        "invalid message": LogMessage("warning", "client app socket_id channel reason advice"),
        "over capacity": LogMessage("warning", "client app socket_id channel reason advice"),
        "message refused": LogMessage("warning", "client app socket_id channel reason advice"),
        "message too large": LogMessage("warning", "client code reason advice"),
        "client is too slow": LogMessage("warning", "client code reason advice"),
        "broken WebSocket": LogMessage("info", "client code reason advice"),
        "plain request on the TLS port": LogMessage("warning", "advice"),
        "address is banned": LogMessage("warning", "client ban_s advice"),
        "wrong PROXY header": LogMessage("warning", "client reason advice"),
    },
    "Apps": {
        "the apps cannot be looked up, serving those that are known": LogMessage("warning", "app reason"),
        "not told of changed apps, trying again": LogMessage("warning", "reason retry_in_s"),
        "an app cannot be looked up": LogMessage("debug", "app error"),
        "an app cannot be looked up, its connections stay as they are": LogMessage("warning", "app error"),
        "apps cannot be looked up, their connections stay": LogMessage("warning", "count"),
        "app is gone, closing its connections": LogMessage("info", "app connections"),
        "app is disabled, closing its connections": LogMessage("info", "app connections"),
    },
    "Hooks": {
        "a hook has failed": LogMessage("warning", "hook reason place"),
    },
    "The admin listener": {
        "admin listener is ready": LogMessage("info", "host port"),
        "console question failed": LogMessage("error", "question"),
        "a survey could not be answered": LogMessage("error"),
        "admin request failed": LogMessage("error", "path"),
        "figures cannot be collected, this process tells none any more": LogMessage("error"),
    },
    "The access log": {
        "connection opened": LogMessage("info", "client key socket_id refused"),
        "connection closed": LogMessage(
            "info", "client key socket_id refused duration_s code reason bytes_in bytes_out"
        ),
        "request": LogMessage("info", "client method path status ms bytes request_id"),
    },
    "The bus": {
        "the bus is gone: %s, until it is back": LogMessage("warning"),
        "events that came meanwhile are forgotten": LogMessage("warning", "at_most"),
        "the bus is back": LogMessage("info", "broker"),
        "missed events: too slow, or others died with the hub": LogMessage("warning", "at_most"),
        "the process ends while events wait for the bus: others never get them": LogMessage(
            "warning", "dropped"
        ),
        "what had waited is sent, without what was dropped": LogMessage("warning", "dropped"),
        "too many events wait for the bus: the oldest are dropped, others never get them": LogMessage(
            "warning"
        ),
        "the last events of an app's cache channels take more than they may: the oldest are dropped": LogMessage(
            "warning", "app limit dropped_total"
        ),
    },
    "The hub and its workers": {
        "workers died with the hub: others may not be told of the end of their members": LogMessage(
            "error", "workers"
        ),
        "a worker is away whose members are too many: if this process ends now, some stay for ever": LogMessage(
            "warning", "node limit_bytes"
        ),
        "worker did not come back, its members are removed": LogMessage("warning", "node"),
        "worker has another connection, the old one is closed": LogMessage("warning", "node"),
        "worker says nothing, or takes nothing: its connection is closed": LogMessage(
            "warning", "node waiting_bytes"
        ),
        "worker reports too much, its connection is closed": LogMessage("error", "bytes"),
        "facts are lost: too many wait": LogMessage("error", "limit_bytes"),
        "the hub does not answer": LogMessage("error", "silent_s"),
        "the hub takes nothing, its connection is closed": LogMessage("error", "bytes"),
        "the hub speaks nonsense": LogMessage("error", "error"),
        "a reply is too large": LogMessage("error", "error members"),
        "a member event is too large, nobody is told": LogMessage("error", "error"),
        "somebody else's process has connected, which is refused": LogMessage("error"),
        "a worker's connection is broken": LogMessage("error", "error"),
        "an event is too large for the other workers": LogMessage("error", "app error"),
    },
    "The relay": {
        "questions of PHP nodes come faster than redis takes answers: some get none": LogMessage("warning"),
        "replies not passed on": LogMessage("error"),
        "redis cannot be reached": LogMessage("error"),
        "a client of redis cannot be made": LogMessage("error"),
        "a message is too large for the log of the host": LogMessage("error", "error"),
        "the relay speaks nonsense": LogMessage("error", "error"),
        "too slow for the log of the host, reading redis' own": LogMessage("warning", "at_most"),
    },
    "Redis": {
        "commands failed": LogMessage("error"),
        "reply not understood": LogMessage("error"),
        "failure not handled": LogMessage("error"),
        "redis is a cluster behind one address: events are published by partition": LogMessage("info"),
        "a value in redis cannot be used": LogMessage("warning", "key reason found"),
        "a node holds something and has no lease": LogMessage("warning", "node"),
        "node did not come back, its members are removed": LogMessage("warning", "node"),
        (
            "the cluster has the partitions of an older version: it keeps them until all of its nodes "
            "are stopped"
        ): LogMessage("warning", "partitions of_a_new_cluster"),
        "subscriptions not sent": LogMessage("error"),
        "messages of redis not understood": LogMessage("error"),
        "message not handled": LogMessage("error", "channel"),
        "redis did not take everything before the end": LogMessage("warning"),
        "the link to redis failed, trying on": LogMessage("error"),
        "redis has lost its memory: what nobody else has is gone": LogMessage("warning"),
        "replies of redis not understood": LogMessage("error"),
        "work for the bus failed": LogMessage("error"),
        "a server of the cluster cannot be listened to": LogMessage("error"),
        "redis does not say which server it is: channels have no history": LogMessage("warning", "allow"),
        "redis is out of reach, trying on": LogMessage("info warning", "reason"),
    },
    "PHP Reverb nodes": {
        "counts leave out what PHP nodes have": LogMessage("warning", "reason"),
        "an event was not sent to PHP nodes, which could not have read it": LogMessage("warning"),
        "a message on the channel of PHP nodes cannot be read; others of this kind are only counted": LogMessage(
            "warning", "channel reason"
        ),
        "a PHP Reverb node listens on channel %s": LogMessage("info", "php_nodes"),
        "message of a PHP node not handled": LogMessage("error"),
        "question of a PHP node not answered": LogMessage("warning", "reason"),
        "a PHP Reverb node has gone from channel %s": LogMessage("info", "php_nodes"),
        "too many messages wait for PHP nodes: the oldest are dropped": LogMessage("warning"),
        "the channel of PHP nodes is out of reach, trying on": LogMessage("info warning", "reason"),
    },
    "Webhooks": {
        "dead letters of webhooks cannot be written": LogMessage("warning", "file reason"),
        "webhook not kept": LogMessage("warning", "reason"),
        "webhooks have failed": LogMessage("error"),
        "the app provider has failed": LogMessage("warning", "reason"),
        "a webhook could not be sent": LogMessage("error"),
        "webhook given up": LogMessage("warning", "app url events reason advice"),
        "webhook target fails": LogMessage("warning", "app url reason advice"),
        "webhook target works again": LogMessage("info", "app url"),
    },
    "The client for Python": {
        "a channel is refused after a reconnect": LogMessage("error", "channel reason"),
        "a handler has failed": LogMessage("error", "handler"),
        "a handler is too slow, and misses events": LogMessage("error", "handler lost"),
        "an event cannot be decrypted": LogMessage("error", "channel error"),
        "auth of a channel has failed": LogMessage("warning", "channel error"),
        "auth of a channel has failed, trying again": LogMessage("warning", "channel error"),
        "connection lost, trying again": LogMessage("info", "reason delay_s"),
        "events of a channel were missed": LogMessage("warning", "channel reason lost"),
        "ignored a message that is not a Pusher event": LogMessage("warning"),
        "signing in has failed, trying again": LogMessage("warning", "error"),
        "signing in was refused": LogMessage("warning", "reason"),
        "the client has failed": LogMessage("error"),
        "the connection is refused for good": LogMessage("error", "error"),
        "the server reports an error": LogMessage("warning", "code error"),
    },
    "The log itself": {
        "uncaught exception": LogMessage("critical"),
        "ignored exception": LogMessage("error", "where"),
        "more refusals, without a line for each": LogMessage("warning", "of count in_s"),
        "lines were dropped": LogMessage("warning", "stream lines"),
    },
}
