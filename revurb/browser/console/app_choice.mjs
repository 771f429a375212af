// The app that the page is of: a choice among those of the server, or a field where they come from a database, which
// does not tell all of them.

import { h } from "./elements.mjs";
import { storage } from "./preferences.mjs";

const KEPT = "revurb-console-app";

export class AppChoice {
  /** `place` gets the control; `onChoice` is called when somebody has chosen. */
  constructor(place, onChoice) {
    Object.assign(this, {
      id: "",
      _place: place,
      _onChoice: onChoice,
      _shown: "",
      _storage: storage("sessionStorage"),
      _keys: new Map(),
    });
  }

  /** The key of the app; null for an app that the server has not told of. */
  get key() {
    return this._keys.get(this.id) ?? null;
  }

  /** Take over what `overview` tells of apps. */
  take({ apps, apps_are_whole: areWhole }) {
    this._keys = new Map(apps.map(({ id, key }) => [id, key]));
    const text = JSON.stringify([apps.map(({ id }) => id), areWhole]);
    if (text === this._shown || this._place.contains(document.activeElement)) return;
    this._shown = text;
    const kept = this.id || this._storage.getItem(KEPT) || "";
    this.id = this._keys.has(kept) || (!areWhole && kept) ? kept : (apps[0]?.id ?? "");
    const control = areWhole
      ? h(
          "select",
          { id: "app" },
          apps.map(({ id }) => h("option", { value: id }, id)),
        )
      : h("input", { id: "app", list: "apps", autocomplete: "off", spellcheck: "false", placeholder: "id of an app" });
    control.value = this.id;
    control.addEventListener("change", () => this._choose(control.value.trim()));
    const list = areWhole
      ? ""
      : h(
          "datalist",
          { id: "apps" },
          apps.map(({ id }) => h("option", { value: id })),
        );
    this._place.replaceChildren(h("label", { for: "app" }, "App"), control, list);
  }

  _choose(id) {
    this.id = id;
    this._storage.setItem(KEPT, id);
    this._onChoice();
  }
}
