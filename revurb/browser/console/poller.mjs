// Asks again and again for what is visible, one question at a time, and not at all while the page is hidden. While
// the server is lost it waits longer from time to time.

import { RequestRefused, ServerLost } from "./admin_api.mjs";

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 15_000;

/**
 * Tells `onState` of each change: {state: "live"}, {state: "paused"} (the page is hidden), {state: "locked"} (a token
 * is needed), {state: "refused", message} or {state: "lost", message, retryMs}.
 */
export class Poller {
  constructor(onState) {
    this._onState = onState;
    this._poll = null;
    this._everyMs = 0;
    this._retryMs = 0;
    this._timer = 0;
    this._asking = undefined; // the function whose question is on its way
    this._isWanted = false; // whether it shall be asked anew at once
    this._turn = 0; // the answers to questions of earlier turns are nobody's any more
    document.addEventListener("visibilitychange", () => this._onVisibility());
  }

  /** Call `poll`, an async function, now and then `everyMs` after each end of it; nothing else any more. */
  run(poll, everyMs) {
    [this._poll, this._everyMs] = [poll, everyMs];
    this.now();
  }

  /** Ask now rather than later. */
  now() {
    if (this._asking === this._poll) {
      this._isWanted = true; // when it is answered: two at once would bring the same twice
      return;
    }
    clearTimeout(this._timer);
    this._turn++;
    if (document.hidden) this._onState({ state: "paused" });
    else void this._ask(this._turn);
  }

  async _ask(turn) {
    let waitMs = this._everyMs;
    let told = { state: "live" };
    const poll = (this._asking = this._poll);
    this._isWanted = false;
    try {
      await poll();
      this._retryMs = 0;
    } catch (error) {
      if (error instanceof ServerLost) {
        this._retryMs = Math.min(LAST_RETRY_MS, this._retryMs * 2 || FIRST_RETRY_MS);
        waitMs = this._retryMs * (0.8 + 0.4 * Math.random());
        told = { state: "lost", message: error.message, retryMs: waitMs };
      } else if (error instanceof RequestRefused) {
        this._retryMs = 0;
        waitMs = error.needsToken ? null : Math.max(this._everyMs, 3_000);
        told = error.needsToken
          ? { state: "locked", message: error.message }
          : { state: "refused", message: error.message };
      } else {
        console.error(error);
        told = { state: "refused", message: `This page cannot show what the server answered: ${error.message}` };
      }
    }
    if (this._asking === poll) this._asking = undefined;
    if (turn !== this._turn) {
      if (this._isWanted) this.now(); // the page was hidden meanwhile, and is shown again
      return;
    }
    this._onState(told);
    if (this._isWanted) waitMs = 0;
    if (waitMs !== null && !document.hidden) this._timer = setTimeout(() => this._ask(turn), waitMs);
  }

  _onVisibility() {
    if (document.hidden) {
      clearTimeout(this._timer);
      this._turn++;
      this._onState({ state: "paused" });
    } else {
      this.now();
    }
  }
}
