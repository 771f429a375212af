// The endpoints with Express and Pusher's SDK for Node: `node express_app.js`.

const express = require('express');
const Pusher = require('pusher');

const pusher = new Pusher({
  appId: process.env.REVERB_APP_ID ?? '1',
  key: process.env.REVERB_APP_KEY ?? 'key1',
  secret: process.env.REVERB_APP_SECRET ?? 'secret1',
  host: '127.0.0.1',
  port: '8080',
});
const app = express();
app.use(express.urlencoded({ extended: false })); // what pusher-js and Echo send

app.post('/broadcasting/auth', (request, response) => {
  const user = request.get('X-User'); // put your own login here
  const { socket_id: socketId, channel_name: channel } = request.body;
  if (user === undefined || !mayJoin(user, channel ?? '')) {
    return response.sendStatus(403);
  }
  if (!/^(private|presence)-/.test(channel)) {
    return response.status(400).send('only private and presence channels are signed');
  }
  const member = channel.startsWith('presence-') ? { user_id: user, user_info: { name: `User ${user}` } } : undefined;
  sign(response, () => pusher.authorizeChannel(socketId, channel, member));
});

app.post('/broadcasting/user-auth', (request, response) => {
  const user = request.get('X-User');
  if (user === undefined) {
    return response.sendStatus(403);
  }
  sign(response, () => pusher.authenticateUser(request.body.socket_id, { id: user, name: `User ${user}` }));
});

function sign(response, make) {
  try {
    response.json(make());
  } catch (error) {
    response.status(400).send(error.message); // the client sent no socket id
  }
}

// The rules of your application: here everybody may join but channels of other users, `private-user-8`.
function mayJoin(user, channel) {
  return !channel.startsWith('private-user-') || channel === `private-user-${user}`;
}

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`listening on ${server.address().port}`);
});
