// Makes DOM elements. What comes from clients (names of channels, data, user info) is hostile: text always becomes a
// text node, never markup, and links lead nowhere but to the page itself.

/**
 * An element of HTML. Attributes that are false, null or undefined are left out, true is an empty one; functions are
 * listeners ("onclick"). Children are elements and text; null and false are left out.
 */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** An element of SVG, else like `h`. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (name === "href" && !value.startsWith("#")) throw new Error(`a link may not lead to ${value}`);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

/** Set the text of an element, only if it is another one: screen readers are told of each change. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Whether somebody reads here with the keyboard, or has selected text: then nothing is replaced until they have gone.
 * A click alone does not hold anything up.
 */
export function isBeingRead(place) {
  const selection = getSelection();
  return (
    place.querySelector(":focus-visible") !== null || (!selection.isCollapsed && place.contains(selection.anchorNode))
  );
}

/** Put new children in the place of others, as far scrolled as these were. */
export function renew(place, ...children) {
  const scrolled = [...place.querySelectorAll(".table")].map((each) => [each.scrollLeft, each.scrollTop]);
  place.replaceChildren(...children);
  [...place.querySelectorAll(".table")].forEach((each, index) => {
    [each.scrollLeft, each.scrollTop] = scrolled[index] ?? [0, 0];
  });
}

let lastId = 0;

/** A labelled field of a form: the label, the control, and a hint that screen readers read with it. */
export function field(label, control, { hint = "", wide = false } = {}) {
  control.id ||= `field-${++lastId}`;
  const parts = [h("label", { for: control.id }, label), control];
  if (hint) {
    const id = `hint-${control.id}`;
    control.setAttribute("aria-describedby", [control.getAttribute("aria-describedby"), id].filter(Boolean).join(" "));
    parts.push(h("p", { class: "hint", id }, hint));
  }
  return h("div", { class: wide ? "field wide" : "field" }, parts);
}

/** What stands where there is nothing yet, with what to do about it. */
export function emptyState(title, ...advice) {
  return h("div", { class: "empty" }, h("p", { class: "empty-title" }, title), h("p", {}, advice));
}

/**
 * A table with a caption. `columns` are [heading, kind] with kind "" (text), "number" or "code"; `rows` have a text
 * or an element for each column. It scrolls in itself where it is too wide.
 */
export function table(caption, columns, rows, { visibleCaption = false } = {}) {
  const head = columns.map(([heading, kind]) =>
    h("th", { scope: "col", class: kind === "number" ? kind : null }, heading),
  );
  const body = rows.map((cells) =>
    h(
      "tr",
      {},
      cells.map((cell, index) => h("td", { class: columns[index][1] || null }, cell)),
    ),
  );
  return h(
    "div",
    { class: "table", role: "region", "aria-label": caption, tabindex: "0" },
    h(
      "table",
      {},
      h("caption", { class: visibleCaption ? null : "visually-hidden" }, caption),
      h("thead", {}, h("tr", {}, head)),
      h("tbody", {}, body),
    ),
  );
}
