<?php

namespace App\Http\Controllers;

use Illuminate\Contracts\Cache\Repository as Cache;
use Illuminate\Contracts\Config\Repository as Config;
use Illuminate\Http\JsonResponse;
use Illuminate\Http\Request;

/**
 * Receives webhooks, and keeps in the cache which channels are occupied, and by whom.
 *
 * Requests of one target come one after the other. Where several targets lead here, put a lock around `receive`.
 */
class RevurbWebhookController
{
    private const PICTURE = 'revurb:picture';

    private const KEPT_S = 3600; // how long a repeat is known; requests are repeated for five minutes

    public function __construct(private Cache $cache, private Config $config)
    {
    }

    public function receive(Request $request): JsonResponse
    {
        $app = $this->config->get('broadcasting.connections.reverb');
        $body = $request->getContent(); // as it came: other JSON that means the same has another signature
        $signature = hash_hmac('sha256', $body, $app['secret']);
        if ($request->header('X-Pusher-Key') !== $app['key']
            || ! hash_equals($signature, (string) $request->header('X-Pusher-Signature'))) {
            return new JsonResponse(['status' => 'wrong signature'], 401);
        }
        $id = 'revurb:webhook:'.$request->header('X-Revurb-Webhook-Id');
        if ($this->cache->has($id)) { // it is sent until it is answered, which may be more than once
            return new JsonResponse(['status' => 'repeated']);
        }
        $picture = $this->cache->get(self::PICTURE, ['occupied' => [], 'members' => []]);
        foreach (json_decode($body, true, 512, JSON_THROW_ON_ERROR)['events'] as $event) {
            $picture = $this->apply($picture, $event);
        }
        $this->cache->forever(self::PICTURE, $picture);
        $this->cache->put($id, true, self::KEPT_S);

        return new JsonResponse(['status' => 'ok']);
    }

    public function picture(): JsonResponse
    {
        ['occupied' => $occupied, 'members' => $members] =
            $this->cache->get(self::PICTURE, ['occupied' => [], 'members' => []]);
        ksort($occupied);
        ksort($members);

        return new JsonResponse([
            'occupied' => array_map('strval', array_keys($occupied)),
            'members' => (object) array_map(fn (array $users) => array_map('strval', array_keys($users)), $members),
        ]);
    }

    /** Events of one channel come in their order. Those that are not named here change nothing. */
    private function apply(array $picture, array $event): array
    {
        $channel = $event['channel'];
        switch ($event['name']) {
            case 'channel_occupied':
                $picture['occupied'][$channel] = true;
                break;
            case 'channel_vacated':
                unset($picture['occupied'][$channel], $picture['members'][$channel]);
                break;
            case 'member_added':
                $picture['members'][$channel][$event['user_id']] = true;
                break;
            case 'member_removed':
                unset($picture['members'][$channel][$event['user_id']]);
                if (empty($picture['members'][$channel])) {
                    unset($picture['members'][$channel]);
                }
        }

        return $picture;
    }
}
