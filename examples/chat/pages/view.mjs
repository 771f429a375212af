// What is on the page. Everything that people wrote is set as text, never as HTML.
const $ = (id) => document.getElementById(id);

export const elements = Object.fromEntries(
  ["login", "name", "chat", "me", "state", "line", "rooms", "private", "title", "messages", "typing", "compose", "text", "people"].map(
    (id) => [id, $(id)],
  ),
);

/** Fill a list with a button for each item; `items` have a key and a text. */
export function showButtons(list, items, onClick, current) {
  list.replaceChildren(
    ...items.map(({ key, text, unread }) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = text;
      if (key === current) button.setAttribute("aria-current", "true");
      if (unread) button.dataset.unread = unread;
      button.addEventListener("click", () => onClick(key, text));
      const item = document.createElement("li");
      item.append(button);
      return item;
    }),
  );
}

/** The messages of a conversation, newest at the end and in sight. */
export function showMessages(messages, ownId) {
  elements.messages.replaceChildren(...messages.map((message) => line(message, ownId)));
  elements.messages.scrollTop = elements.messages.scrollHeight;
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
  const time = new Date(message.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  who.textContent = `${message.from.name}, ${time}`;
  item.append(who, message.text);
  return item;
}
