// Gives each request of a JSON line on standard input, {headers, body}, to the validator of Pusher's SDK for Node, and prints
// {valid, events, time_ms} for it. Headers have names in lower case, as Node gives them.
import { createInterface } from 'node:readline';
import Pusher from 'pusher';

const pusher = new Pusher({ appId: '1', key: process.env.KEY, secret: process.env.SECRET, host: '127.0.0.1' });

for await (const line of createInterface({ input: process.stdin })) {
  const { headers, body } = JSON.parse(line);
  const webhook = pusher.webhook({ headers, rawBody: body });
  const valid = webhook.isValid();
  console.log(JSON.stringify(
    valid ? { valid, events: webhook.getEvents(), time_ms: webhook.getTime().getTime() } : { valid },
  ));
}
