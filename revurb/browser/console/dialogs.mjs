// The dialogs of the page: a question before something is ended, the token, and the keyboard shortcuts.

import { field, h } from "./elements.mjs";

/** Ask whether something shall be done; a promise of true or false. The safe answer has the focus. */
export function confirmation({ title, text, action }) {
  return new Promise((answer) => {
    const cancel = h("button", { type: "button", onclick: () => dialog.close() }, "Cancel");
    const act = h("button", { type: "button", class: "danger", onclick: () => dialog.close("yes") }, action);
    const dialog = shown(title, [h("p", {}, text), h("div", { class: "row end" }, cancel, act)], () =>
      answer(dialog.returnValue === "yes"),
    );
    cancel.focus();
  });
}

/** Ask for the admin token; a promise of it, or of null. `reason` is the sentence of the server. */
export function tokenQuestion(reason) {
  return new Promise((answer) => {
    const input = h("input", { type: "password", class: "code", autocomplete: "off", name: "token", required: true });
    const form = h(
      "form",
      { class: "form" },
      h("p", {}, reason),
      field("Admin token", input, {
        hint: "REVURB_ADMIN_TOKEN of the server. It is kept for this tab alone, until it is closed.",
        wide: true,
      }),
      h(
        "div",
        { class: "row end" },
        h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"),
        h("button", { class: "primary" }, "Open"),
      ),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      dialog.close("yes");
    });
    const dialog = shown("This console needs its token", [form], () =>
      answer(dialog.returnValue === "yes" && input.value ? input.value : null),
    );
    input.focus();
  });
}

/** Show the shortcuts, [[key, what it does]], and a switch for them. */
export function shortcutList(keys, { isOn, onSwitch }) {
  const box = h("input", { type: "checkbox", id: "shortcuts-on", onchange: () => onSwitch(box.checked) });
  box.checked = isOn;
  const rows = keys.map(([key, what]) => h("div", {}, h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)));
  const close = h("button", { type: "button", class: "primary", onclick: () => dialog.close() }, "Close");
  const dialog = shown(
    "Keyboard shortcuts",
    [
      h("p", {}, "They work while no field has the focus."),
      h("dl", { class: "keys" }, rows),
      h(
        "div",
        { class: "row between" },
        h("label", { class: "check", for: "shortcuts-on" }, box, "Shortcuts are on"),
        close,
      ),
    ],
    () => {},
  );
  close.focus();
}

function shown(title, children, onClosed) {
  const before = document.activeElement;
  const dialog = h("dialog", { "aria-labelledby": "dialog-title" }, h("h2", { id: "dialog-title" }, title), children);
  dialog.addEventListener("close", () => {
    dialog.remove();
    before?.focus?.();
    onClosed();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
