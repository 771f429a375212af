<?php

// Serves the Laravel example below `php -S`, with Laravel's own request, router, container, configuration and cache, and
// without an application around them. CACHE is the folder of the cache.

error_reporting(E_ALL & ~E_DEPRECATED); // Debian's Laravel is older than its PHP
foreach (['Http', 'Routing', 'Cache', 'Config', 'Events'] as $part) {
    require_once "/usr/share/php/Illuminate/$part/autoload.php";
}

use Illuminate\Cache\FileStore;
use Illuminate\Config\Repository as ConfigRepository;
use Illuminate\Container\Container;
use Illuminate\Events\Dispatcher;
use Illuminate\Filesystem\Filesystem;
use Illuminate\Http\Request;
use Illuminate\Routing\Router;
use Illuminate\Support\Facades\Facade;

$examples = dirname(__DIR__, 3).'/examples/webhooks/laravel';
require_once "$examples/RevurbWebhookController.php";

$app = new Container();
Container::setInstance($app);
Facade::setFacadeApplication($app);
$app->instance('router', new Router(new Dispatcher($app), $app));
$app->instance(Illuminate\Contracts\Config\Repository::class, new ConfigRepository([
    'broadcasting' => ['connections' => ['reverb' => [
        'key' => getenv('REVERB_APP_KEY'),
        'secret' => getenv('REVERB_APP_SECRET'),
    ]]],
]));
$app->instance(
    Illuminate\Contracts\Cache\Repository::class,
    new Illuminate\Cache\Repository(new FileStore(new Filesystem(), getenv('CACHE')))
);
require "$examples/routes.php";
$request = Request::capture();
$app->instance(Request::class, $request);
$app['router']->dispatch($request)->send();
