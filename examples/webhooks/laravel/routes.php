<?php

// For routes/api.php, whose routes have no CSRF check.

use App\Http\Controllers\RevurbWebhookController;
use Illuminate\Support\Facades\Route;

Route::post('/webhooks', [RevurbWebhookController::class, 'receive']);
Route::get('/picture', [RevurbWebhookController::class, 'picture']);
