// The console of Revurb: the page with its panels, the app that they are of, and the state of the server that
// answers.
//
// A panel is made when it is first opened, and then kept. It has `element`, `title`, `everyMs` (null: nothing to ask
// for), show({segments, parameters}), hide(), and poll(), which throws what AdminApi.ask throws.

import { AdminApi, RequestRefused, ServerLost } from "./admin_api.mjs";
import { AppChoice } from "./app_choice.mjs";
import { ChannelsPanel } from "./channels_panel.mjs";
import { ClientPanel } from "./client_panel.mjs";
import { confirmation, shortcutList, tokenQuestion } from "./dialogs.mjs";
import { setText } from "./elements.mjs";
import { EventsPanel } from "./events_panel.mjs";
import { OverviewPanel } from "./overview_panel.mjs";
import { Poller } from "./poller.mjs";
import { themeSwitch } from "./preferences.mjs";
import { PublishPanel } from "./publish_panel.mjs";
import { hashOf, readHash } from "./routes.mjs";
import { Shortcuts } from "./shortcuts.mjs";
import { TroublesPanel } from "./troubles_panel.mjs";
import { UserPanel } from "./user_panel.mjs";
import { WebhooksPanel } from "./webhooks_panel.mjs";

const PANELS = {
  overview: OverviewPanel,
  channels: ChannelsPanel,
  events: EventsPanel,
  publish: PublishPanel,
  client: ClientPanel,
  user: UserPanel,
  webhooks: WebhooksPanel,
  troubles: TroublesPanel,
};
const IDLE_MS = 5_000; // a panel that asks for nothing still wants to know whether the server is there
const STATES = { live: "live", paused: "paused", locked: "token needed", refused: "refused", lost: "no answer" };
const at = (id) => document.getElementById(id);

class ConsolePage {
  constructor() {
    this.api = new AdminApi();
    this.overview = null;
    this._panels = {};
    this._panel = null;
    this._isAsking = false; // for the token
    this._poller = new Poller((told) => this._onState(told));
    this._apps = new AppChoice(at("app-place"), () => this._open());
    this._nextTheme = themeSwitch(at("theme"));
    at("retry").addEventListener("click", () => this.pollNow());
    at("unlock").addEventListener("click", () => void this._askToken("The server asks for its admin token."));
    at("keys").addEventListener("click", () => this._showShortcuts());
    at("skip").addEventListener("click", (event) => {
      event.preventDefault(); // its address would be another route
      this._focusTitle();
    });
    this._shortcuts = new Shortcuts({
      ...Object.fromEntries(
        Object.keys(PANELS).map((name, index) => [index + 1, { act: () => this.navigate(hashOf(name)) }]),
      ),
      "1-8": { what: "open a page, in the order of the menu", act: () => {} },
      "/": {
        what: "go to the first field of the page",
        act: () => this._panel?.element.querySelector(".main-field")?.focus(),
      },
      p: { what: "pause the list of the page, or go on", act: () => this._panel?.togglePause?.() },
      t: { what: "change the theme: system, light, dark", act: () => this.announce(this._nextTheme()) },
      "?": { what: "show this list", act: () => this._showShortcuts() },
    });
    window.addEventListener("hashchange", () => this._open({ isNavigation: true }));
    this._open();
  }

  /** The id of the chosen app, "" before the server has told any; and its key. */
  get app() {
    return this._apps.id;
  }

  get appKey() {
    return this._apps.key;
  }

  navigate(hash) {
    location.hash = hash;
  }

  pollNow() {
    this._poller.now();
  }

  confirm(question) {
    return confirmation(question);
  }

  /** Tell people who use a screen reader. */
  announce(text) {
    setText(at("announcement"), text);
  }

  /** Take over an answer to the question `overview`. */
  takeOverview(overview) {
    this.overview = overview;
    this._apps.take(overview);
  }

  /** An action has failed: the token may be missing. */
  onFailure(error) {
    if (error instanceof RequestRefused && error.needsToken) this._onState({ state: "locked", message: error.message });
    if (error instanceof ServerLost) this.pollNow();
  }

  /** Open the panel that the address names. */
  _open({ isNavigation = false } = {}) {
    const { panel: named, segments, parameters } = readHash(location.hash);
    const name = named in PANELS ? named : "overview";
    this._panels[name] ??= new PANELS[name](this);
    const panel = this._panels[name];
    this._panel?.hide();
    this._panel = panel;
    for (const link of document.querySelectorAll("nav a")) {
      if (link.getAttribute("href") === hashOf(name)) {
        link.setAttribute("aria-current", "page");
        link.scrollIntoView({ block: "nearest", inline: "nearest" });
      } else {
        link.removeAttribute("aria-current");
      }
    }
    at("panel").replaceChildren(panel.element);
    document.title = `${panel.title} · Revurb`;
    const show = () => panel.show({ segments, parameters });
    let isShown = this.overview !== null;
    if (isShown) show();
    if (isNavigation) this._focusTitle();
    this._poller.run(async () => {
      const isNeeded = panel.everyMs === null || this.overview === null;
      if (isNeeded) this.takeOverview(await this.api.ask("overview"));
      if (this._panel !== panel) return;
      if (!isShown) [isShown] = [true, show()];
      if (panel.everyMs !== null) await panel.poll();
    }, panel.everyMs ?? IDLE_MS);
  }

  _focusTitle() {
    this._panel.element.querySelector("h1").focus();
    window.scrollTo(0, 0);
  }

  _onState({ state, message = "", retryMs = 0 }) {
    const mark = at("state");
    const hasChanged = mark.dataset.state !== state;
    mark.dataset.state = state;
    setText(at("state-text"), STATES[state]);
    const isBad = state === "lost" || state === "refused" || state === "locked";
    at("trouble").hidden = !isBad;
    at("retry").hidden = state === "locked";
    at("unlock").hidden = state !== "locked";
    if (isBad)
      setText(
        at("trouble-text"),
        state === "lost"
          ? `${message} The next try is in ${Math.ceil(retryMs / 1000)} s; what is shown is old.`
          : message,
      );
    if (hasChanged && isBad) this.announce(message);
    if (hasChanged && state === "live") this.announce("The server answers.");
    if (state === "locked" && hasChanged) void this._askToken(message);
  }

  async _askToken(reason) {
    if (this._isAsking) return;
    this._isAsking = true;
    const token = await tokenQuestion(this.api.hasToken ? `The server did not take this token. ${reason}` : reason);
    this._isAsking = false;
    if (token === null) return;
    this.api.token = token;
    at("state").dataset.state = "asked"; // a wrong one is asked for again
    this.pollNow();
  }

  _showShortcuts() {
    shortcutList(this._shortcuts.list, {
      isOn: this._shortcuts.isOn,
      onSwitch: (isOn) => (this._shortcuts.isOn = isOn),
    });
  }
}

new ConsolePage();
