// What is on the page. Everything that people wrote is set as text, never as HTML.
const $ = (id) => document.getElementById(id);

export const elements = Object.fromEntries(
  [
    "login", "name", "problem", "chat", "me", "state", "line", "rooms", "private", "title", "log", "messages", "typing", "compose", "text",
    "people",
  ].map((id) => [id, $(id)]),
);

/** Fill a list with a button for each item; `items` have a key and a text. Who is on one of them with the keyboard stays there. */
export function showButtons(list, items, onClick, current) {
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  list.replaceChildren(
    ...items.map(({ key, text, unread }) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = text;
      button.dataset.key = key;
      if (key === current) button.setAttribute("aria-current", "true");
      if (unread) button.dataset.unread = unread;
      button.addEventListener("click", () => onClick(key, text));
      const item = document.createElement("li");
      item.append(button);
      return item;
    }),
  );
  [...list.querySelectorAll("button")].find((button) => button.dataset.key === focused)?.focus();
}

const lines = new WeakMap(); // of messages: what is shown already stays as it is, so that only what is new is read aloud
let shownTitle;

/** The messages of a conversation. The newest comes in sight, unless somebody reads further up. */
export function showMessages(title, messages, ownId) {
  const { log, messages: list } = elements;
  const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 50;
  const follows = isAtEnd || title !== shownTitle || messages.at(-1)?.from?.id === ownId;
  shownTitle = title;
  elements.title.textContent = title;
  for (const message of messages) if (!lines.has(message)) lines.set(message, line(message, ownId));
  messages.forEach((message, index) => {
    const item = lines.get(message);
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
  });
  while (list.children.length > messages.length) list.lastChild.remove();
  if (follows) log.scrollTop = log.scrollHeight;
}

function line(message, ownId) {
  const item = document.createElement("li");
  if (message.note) {
    item.className = "note";
    item.textContent = message.note;
    return item;
  }
  item.className = message.from.id === ownId ? "own" : "";
  const who = document.createElement("b");
  const name = document.createElement("bdi"); // whatever direction it has, the time stands behind it
  const time = new Date(message.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  name.textContent = message.from.name;
  who.append(name, `, ${time}`);
  item.append(who, message.text);
  return item;
}
