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
  if (!answer.ok) throw new Error((await answer.json()).detail ?? answer.statusText);
  return answer.json();
}

function begin({ user, rooms, key, port }) {
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
  for (const name of rooms) conversations.set(`room:${name}`, { name: `#${name}`, messages: [], unread: 0 });
  echo.private(`user.${own.id}`).listen(".message", (message) => {
    const key = `user:${message.from.id}`;
    if (!conversations.has(key)) conversations.set(key, { name: message.from.name, messages: [], unread: 0 });
    add(key, message);
  });
  open(`room:${rooms[0]}`);
}

async function enter(name) {
  if (room) echo.leave(`room.${room}`);
  room = name;
  here = [];
  const key = `room:${name}`;
  const load = async () => {
    conversations.get(key).messages = await ask(`/rooms/${name}/messages`);
    show();
  };
  echo
    .join(`room.${name}`)
    .here((people) => { here = people; showPeople(); })
    .joining((person) => { here = [...here, person]; showPeople(); note(key, `${person.name} has come`); })
    .leaving((person) => { here = here.filter(({ id }) => id !== person.id); showPeople(); note(key, `${person.name} has left`); })
    .listen(".message", (message) => { showTyping(""); add(key, message); })
    .listen(".revurb:gap", load) // more was missed than Revurb keeps
    .listenForWhisper("typing", ({ name }) => showTyping(`${name} is typing`));
  await load();
}

function open(key) {
  current = key;
  conversations.get(key).unread = 0;
  if (key.startsWith("room:") && key !== `room:${room}`) enter(key.slice("room:".length)).catch(fail);
  show();
  elements.text.focus();
}

function add(key, message) {
  const conversation = conversations.get(key);
  if (conversation.messages.some(({ id }) => id === message.id)) return; // loaded meanwhile
  conversation.messages.push(message);
  if (key !== current) conversation.unread += 1;
  show();
}

const note = (key, text) => add(key, { note: text, id: Symbol(text) });
const fail = (error) => note(current, `That did not work: ${error.message}`);

function show() {
  const listed = (kind) =>
    [...conversations].filter(([key]) => key.startsWith(kind)).map(([key, { name, unread }]) => ({ key, text: name, unread }));
  showButtons(elements.rooms, listed("room:"), open, current);
  showButtons(elements.private, listed("user:"), open, current);
  elements.title.textContent = conversations.get(current).name;
  showMessages(conversations.get(current).messages, own.id);
}

function showPeople() {
  const others = here.map(({ id, name }) => ({ key: id, text: id === own.id ? `${name} (you)` : name }));
  showButtons(elements.people, others, (id, name) => {
    if (id === own.id) return;
    if (!conversations.has(`user:${id}`)) conversations.set(`user:${id}`, { name, messages: [], unread: 0 });
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
  elements.line.setAttribute("aria-pressed", String(isAway));
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
  echo.join(`room.${room}`).whisper("typing", { name: own.name });
});

elements.compose.addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = elements.text.value;
  const key = current;
  const [kind, id] = [key.slice(0, 4), key.slice(5)];
  elements.text.value = "";
  try {
    add(key, await ask(kind === "room" ? `/rooms/${id}/messages` : `/people/${id}/messages`, { text }));
  } catch (error) {
    elements.text.value = text;
    fail(error);
  }
});

elements.login.addEventListener("submit", async (event) => {
  event.preventDefault();
  begin(await ask("/login", { name: elements.name.value }));
});

ask("/me").then(begin, () => {
  elements.login.hidden = false;
  elements.name.focus();
});
