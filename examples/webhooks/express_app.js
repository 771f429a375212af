// A receiver of webhooks with Express: `node express_app.js`. It knows which channels are occupied, and by whom.

const { createHmac, timingSafeEqual } = require('node:crypto');
const express = require('express');

const KEY = process.env.REVERB_APP_KEY ?? 'key1';
const SECRET = process.env.REVERB_APP_SECRET ?? 'secret1';
const MAX_SEEN = 10_000;

const occupied = new Set();
const members = new Map();
const seen = new Set(); // the ids of the last requests, oldest first

const app = express();

// The body as it came: other JSON that means the same has another signature.
app.post('/webhooks', express.raw({ type: '*/*', limit: '1mb' }), (request, response) => {
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  if (request.get('X-Pusher-Key') !== KEY || !isSigned(body, request.get('X-Pusher-Signature') ?? '')) {
    return response.sendStatus(401);
  }
  const id = request.get('X-Revurb-Webhook-Id');
  if (seen.has(id)) {
    // It is sent until it is answered, which may be more than once.
    return response.json({ status: 'repeated' });
  }
  for (const event of JSON.parse(body).events) {
    apply(event);
  }
  if (id) {
    seen.add(id);
    if (seen.size > MAX_SEEN) {
      seen.delete(seen.values().next().value);
    }
  }
  response.json({ status: 'ok' });
});

app.get('/picture', (request, response) => {
  const users = [...members].sort().map(([channel, ids]) => [channel, [...ids].sort()]);
  response.json({ occupied: [...occupied].sort(), members: Object.fromEntries(users) });
});

function isSigned(body, signature) {
  const expected = createHmac('sha256', SECRET).update(body).digest('hex');
  const [one, other] = [Buffer.from(expected), Buffer.from(signature)];
  return one.length === other.length && timingSafeEqual(one, other);
}

// Events of one channel come in their order. Those that are not named here change nothing.
function apply({ name, channel, user_id: user }) {
  switch (name) {
    case 'channel_occupied':
      occupied.add(channel);
      break;
    case 'channel_vacated':
      occupied.delete(channel);
      members.delete(channel);
      break;
    case 'member_added':
      members.set(channel, (members.get(channel) ?? new Set()).add(user));
      break;
    case 'member_removed':
      members.get(channel)?.delete(user);
      if (members.get(channel)?.size === 0) {
        members.delete(channel);
      }
  }
}

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`listening on ${server.address().port}`);
});
