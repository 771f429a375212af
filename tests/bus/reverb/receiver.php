<?php
// What PHP itself makes of a message on the channel. Reads frames of a length (4 bytes, big-endian) and a message from
// standard input, and answers each with a frame of JSON: what was understood, or {"fatal": why}. The classes have the
// properties that the captures show, so that PHP checks names and types as it does in a Reverb node.

namespace Laravel\Reverb {
    class Application
    {
        protected string $id;
        protected string $key;
        protected string $secret;
        protected int $pingInterval;
        protected int $activityTimeout;
        protected array $allowedOrigins;
        protected int $maxMessageSize;
        protected ?int $maxConnections;
        protected string $acceptClientEventsFrom;
        protected ?array $rateLimiting;
        protected array $options;

        public function shown(): array
        {
            return get_object_vars($this);
        }
    }
}

namespace Laravel\Reverb\Protocols\Pusher {
    use Laravel\Reverb\Application;

    enum MetricType
    {
        case CONNECTIONS;
        case CHANNELS;
        case CHANNEL;
        case CHANNEL_USERS;
    }

    class PendingMetric
    {
        protected ?int $subscribers;
        protected array $data;
        protected string $key;
        protected Application $application;
        protected MetricType $type;
        protected array $options;

        public function shown(): array
        {
            return [
                'subscribers' => $this->subscribers,
                'data' => $this->data,
                'key' => $this->key,
                'application' => $this->application->shown(),
                'type' => $this->type->name,
                'options' => $this->options,
            ];
        }
    }
}

namespace {
    use Laravel\Reverb\Application;
    use Laravel\Reverb\Protocols\Pusher\PendingMetric;

    // Laravel does this: a notice, such as that of unserialize, ends the node as an exception does.
    set_error_handler(function (int $level, string $message) {
        throw new ErrorException($message, 0, $level);
    });

    function object_of(string $class, mixed $text): mixed
    {
        $value = unserialize($text);
        if (! $value instanceof $class) {
            throw new TypeError('not a '.$class);
        }
        return $value->shown();
    }

    function received(string $text): mixed
    {
        $message = json_decode($text, associative: true, flags: JSON_THROW_ON_ERROR);
        if (! is_array($message) || ! is_string($message['type'])) {
            throw new TypeError('not a message');
        }
        if (in_array($message['type'], ['message', 'terminate'], true)) {
            $message['application'] = object_of(Application::class, $message['application']);
            $message['application']['id'];
            $message['payload'];
        } elseif ($message['type'] === 'metrics-retrieved' || is_array($message['payload'] ?? null) && isset($message['key'])) {
            // The form of questions up to 1.6.3.
            $message['application'] = object_of(Application::class, $message['application']);
        } elseif ($message['type'] === 'metrics') {
            $message['payload'] = object_of(PendingMetric::class, $message['payload']);
        } elseif (! is_array($message['payload'])) {
            throw new TypeError('not an answer');
        }
        return $message;
    }

    while (strlen($head = (string) fread(STDIN, 4)) === 4) {
        $length = unpack('N', $head)[1];
        for ($text = ''; strlen($text) < $length;) {
            $text .= fread(STDIN, $length - strlen($text));
        }
        try {
            $answer = json_encode(['received' => received($text)], JSON_THROW_ON_ERROR);
        } catch (Throwable $error) {
            $answer = json_encode(['fatal' => $error->getMessage()], JSON_INVALID_UTF8_SUBSTITUTE);
        }
        fwrite(STDOUT, pack('N', strlen($answer)).$answer);
    }
}
