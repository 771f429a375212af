// The chat in the browser: Echo for rooms, private messages and typing; fetch for what the server decides.
import Echo from "/echo.mjs";
import { resume } from "/revurb.mjs";
import { elements, showButtons, showMessages } from "/view.mjs";

const TYPING_MS = 2000;
const conversations = new Map(); // "room:general" or "user:7" -> {name, messages, unread}
let own, echo, room, current; // who I am, the client, the room I am in, the conversation that is shown
let here = [];
let typingEnds;

async function ask(path, body) {
  const headers = { "Content-Type": "application/json" };
  if (echo?.socketId()) headers["X-Socket-ID"] = echo.socketId();
  const answer = await fetch(path, body ? { method: "POST", headers, body: JSON.stringify(body) } : {});
  if (answer.ok) return answer.json();
  if (answer.status === 401 && own) location.reload(); // the server was started again, and knows nobody
  const { detail } = await answer.json().catch(() => ({}));
  throw new Error(detail ?? answer.statusText);
}

function begin({ user, rooms, people, key, port }) {
  own = user;
  elements.login.hidden = true;
  elements.chat.hidden = false;
  elements.me.textContent = user.name;
  echo = new Echo({
    broadcaster: "reverb", key, wsHost: location.hostname, wsPort: port, forceTLS: false, enabledTransports: ["ws", "wss"],
  });
  const { pusher } = echo.connector;
  resume(pusher); // from here on, what is missed while away comes when we are back
  pusher.connection.bind("state_change", ({ current }) => showState(current));
  showState(pusher.connection.state);
  for (const name of rooms) conversation(`room:${name}`, `#${name}`);
  for (const { id, name } of people) conversation(`user:${id}`, name);
  echo
    .private(`user.${own.id}`)
    .error(refused)
    .listen(".message", (message) => {
      const other = message.from.id === own.id ? message.to : message.from;
      conversation(`user:${other.id}`, other.name);
      add(`user:${other.id}`, message);
    })
    .listen(".revurb:gap", () => { for (const key of conversations.keys()) if (key.startsWith("user:")) load(key); });
  open(`room:${rooms[0]}`);
}

function conversation(key, name) {
  if (!conversations.has(key)) conversations.set(key, { name, messages: [], unread: 0 });
  return conversations.get(key);
}

function enter(name) {
  if (room) echo.leave(`room.${room}`);
  room = name;
  here = [];
  showPeople();
  showTyping("");
  const key = `room:${name}`;
  echo
    .join(`room.${name}`)
    .error(refused)
    .here((people) => { here = people; showPeople(); })
    .joining((person) => { here = [...here, person]; showPeople(); note(key, `${person.name} has come`); })
    .leaving((person) => { here = here.filter(({ id }) => id !== person.id); showPeople(); note(key, `${person.name} has left`); })
    .listen(".message", (message) => { showTyping(""); add(key, message); })
    .listen(".revurb:gap", () => load(key)) // more was missed than Revurb keeps
    // Who it is says the server, in user_id; what the whisper itself says may be anything.
    .listenForWhisper("typing", (_, { user_id }) => {
      const person = here.find(({ id }) => id === user_id);
      if (person) showTyping(`${person.name} is typing`);
    });
}

function open(key) {
  current = key;
  conversations.get(key).unread = 0;
  if (key.startsWith("room:") && key !== `room:${room}`) enter(key.slice("room:".length));
  show();
  load(key);
  elements.text.focus();
}

const pathOf = (key) => key.replace(/^(room|user):(.*)$/, (_, kind, id) => `/${kind === "room" ? "rooms" : "people"}/${id}/messages`);

async function load(key) {
  try {
    for (const message of await ask(pathOf(key))) insert(key, message);
    show();
  } catch (error) {
    fail(error);
  }
}

/** Put a message in its place. False if it is there: it may have come as the answer, as an event, and with the last ones. */
function insert(key, message) {
  const { messages } = conversations.get(key);
  if (messages.some(({ id }) => id === message.id)) return false;
  const place = messages.findLastIndex(({ at }) => at <= message.at) + 1;
  messages.splice(place, 0, message);
  return true;
}

function add(key, message) {
  if (!insert(key, message)) return;
  if (key !== current) conversations.get(key).unread += 1;
  show();
}

// After what was said last, by the server's clock.
const note = (key, text) => {
  const { messages } = conversations.get(key);
  messages.push({ note: text, id: Symbol(text), at: messages.at(-1)?.at ?? 0 });
  show();
};
const fail = (error) => note(current, `That did not work: ${error.message}`);
const refused = ({ status }) => (status === 401 ? location.reload() : fail(new Error(`refused with ${status}`)));

function show() {
  const listed = (kind) =>
    [...conversations].filter(([key]) => key.startsWith(kind)).map(([key, { name, unread }]) => ({ key, text: name, unread }));
  showButtons(elements.rooms, listed("room:"), open, current);
  showButtons(elements.private, listed("user:"), open, current);
  const { name, messages } = conversations.get(current);
  showMessages(name, messages, own.id);
}

function showPeople() {
  const others = here.map(({ id, name }) => ({ key: id, text: id === own.id ? `${name} (you)` : name }));
  showButtons(elements.people, others, (id) => {
    if (id === own.id) return;
    conversation(`user:${id}`, here.find((person) => person.id === id).name);
    open(`user:${id}`);
  });
}

function showTyping(text) {
  clearTimeout(typingEnds);
  elements.typing.textContent = text;
  if (text) typingEnds = setTimeout(() => showTyping(""), TYPING_MS);
}

function showState(state) {
  const isAway = state === "disconnected";
  elements.state.textContent = state === "connected" ? "online" : isAway ? "offline" : `${state}...`;
  elements.line.textContent = isAway ? "Go online" : "Go offline";
}

elements.line.addEventListener("click", () => {
  const { pusher } = echo.connector;
  if (pusher.connection.state === "disconnected") pusher.connect();
  else pusher.disconnect();
});

let whisperedAt = 0;
elements.text.addEventListener("input", () => {
  if (!current.startsWith("room:") || Date.now() - whisperedAt < TYPING_MS / 2) return;
  whisperedAt = Date.now();
  echo.join(`room.${room}`).whisper("typing", {});
});

elements.compose.addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = elements.text.value;
  const key = current;
  if (!text.trim()) return;
  elements.text.value = "";
  try {
    add(key, await ask(pathOf(key), { text }));
  } catch (error) {
    elements.text.value ||= text;
    fail(error);
  }
});

elements.login.addEventListener("submit", async (event) => {
  event.preventDefault();
  elements.problem.textContent = "";
  try {
    begin(await ask("/login", { name: elements.name.value }));
  } catch (error) {
    elements.problem.textContent = `That did not work: ${error.message}`;
  }
});

ask("/me").then(begin, () => {
  elements.login.hidden = false;
  elements.name.focus();
});
