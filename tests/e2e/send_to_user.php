<?php
// Sends to a user as `Pusher::sendToUser` of pusher-php-server 7 does: an event on the channel `#server-to-user-ID`, as
// `Pusher::trigger` builds and signs it. Arguments: port, app id, key, secret, user id, event, data (JSON).
[, $port, $app, $key, $secret, $user, $event, $data] = $argv;
$path = "/apps/$app/events";
$body = json_encode(['name' => $event, 'data' => json_encode(json_decode($data, true)), 'channels' => ["#server-to-user-$user"]]);
$params = [
    'auth_key' => $key,
    'auth_timestamp' => time(),
    'auth_version' => '1.0',
    'body_md5' => md5($body),
];
ksort($params);
$pairs = [];
foreach ($params as $name => $value) {
    $pairs[] = "$name=$value";
}
$params['auth_signature'] = hash_hmac('sha256', "POST\n$path\n" . implode('&', $pairs), $secret, false);
$context = stream_context_create(['http' => [
    'method' => 'POST',
    'header' => "Content-Type: application/json\r\nX-Pusher-Library: pusher-http-php 7.2.7\r\n",
    'content' => $body,
    'ignore_errors' => true,
]]);
echo file_get_contents("http://127.0.0.1:$port$path?" . http_build_query($params), false, $context), "\n";
