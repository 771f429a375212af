"""What the codes of `pusher:error` and of Close frames mean to who tries a client, and what to do about them. The
console's page shows them beside what its client gets."""

from __future__ import annotations

from collections.abc import Mapping

CODE_MEANINGS: Mapping[str, str] = {
    "1000": "The connection was closed on purpose, by this side or the other.",
    "1001": "The server goes away. Clients come back after a while.",
    "1002": "What was sent is no WebSocket as RFC 6455 has it: a proxy in between, or the client's library.",
    "1003": "A kind of data was sent that is not taken.",
    "1005": "The connection was closed without a code.",
    "1006": "The connection ended without a word: a proxy, the network, a TLS error, or a port that nobody listens on.",
    "1007": "A text was sent that is no UTF-8.",
    "1008": "What was sent is against the rules of whoever closed the connection: a proxy, most likely.",
    "1009": "A message was larger than REVERB_APP_MAX_MESSAGE_SIZE. Send large things to the application instead.",
    "1011": "A fault of the server. Its log has the exception: message handling failed.",
    "1012": "The server, or a proxy, restarts. Clients come back.",
    "1013": "Somebody on the way has no room: come back later.",
    "4001": "No app has this key. Compare it with REVERB_APP_KEY; the log lists what is known.",
    "4003": "The app is disabled: REVURB_APP_ENABLED, or revurb apps enable where apps are in a database.",
    "4004": "The app has as many connections as it may: REVERB_APP_MAX_CONNECTIONS.",
    "4009": "Not authorized: the signature is not of this app's secret, socket id and channel; the origin of the "
    "page is not allowed (REVURB_APP_ALLOWED_ORIGINS); the name of the channel is too long; nobody signed in in time "
    "(REVURB_APP_USER_AUTHENTICATION_TIMEOUT); or the application has ended the user's connections.",
    "4100": "The server has no room, or the client took too slowly what it was sent: REVURB_MAX_CONNECTIONS, "
    "REVURB_MAX_CONNECTIONS_PER_ADDRESS, REVURB_MAX_QUEUED_BYTES. Clients come back after a while.",
    "4200": "The server restarts or asks clients to come back, which they do at once; or a message was none of the "
    "protocol.",
    "4201": "The client answered no ping in time: its page was asleep, or a proxy has cut the line.",
    "4301": "Refused, and the connection stays: a limit of the app was reached, or it takes no such client events. The "
    "text says which; troubles have what to set.",
    "4302": "The watchlist of the user who signs in is too long: the application has to sign a shorter one.",
}
