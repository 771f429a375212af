// Asks the server: POST api/NAME with a JSON object. The token goes into a header, and is kept for this tab alone.

import { storage } from "./preferences.mjs";

const TOKEN = "revurb-console-token";
const NOT_IN_A_TOKEN = /[^\x20-\x7e]/; // a browser sends no such header
const PATIENCE_MS = 15_000; // the server answers within 10 s

/** The server has answered that it does not do what it was asked; `message` is its sentence for people. */
export class RequestRefused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }

  /** Whether a token, or another one, is needed. */
  get needsToken() {
    return this.status === 401;
  }
}

/** The server cannot be reached, or what answers is not it. */
export class ServerLost extends Error {}

export class AdminApi {
  constructor() {
    this._storage = storage("sessionStorage");
  }

  get hasToken() {
    return this._storage.getItem(TOKEN) !== null;
  }

  set token(token) {
    if (token === null) this._storage.removeItem(TOKEN);
    else this._storage.setItem(TOKEN, token);
  }

  /**
   * The answers to several questions, [[name, question], ...], in one request: that costs the server less. Throws
   * what `ask` throws for the first that is refused.
   */
  async askAll(questions) {
    if (questions.length === 1) return [await this.ask(...questions[0])];
    questions.forEach(([, question]) => requireApp(question));
    const asked = questions.map(([name, body = {}]) => ({ ask: name, body }));
    const { answers } = await this.ask("several", { questions: asked });
    const refused = answers.find(({ status }) => status !== 200);
    if (refused) throw new RequestRefused(refused.body.error, refused.status);
    return answers.map(({ body }) => body);
  }

  /** The answer to a question. Throws RequestRefused or ServerLost. */
  async ask(name, question = {}) {
    requireApp(question);
    const headers = { "Content-Type": "application/json" };
    const token = this._storage.getItem(TOKEN);
    if (token !== null) headers.Authorization = `Bearer ${token}`;
    if (token !== null && NOT_IN_A_TOKEN.test(token)) {
      throw new RequestRefused("A token has only ASCII characters: is there a quote or a blank too much in it?", 401);
    }
    let response, answer;
    try {
      response = await fetch(`api/${name}`, {
        method: "POST",
        headers,
        body: JSON.stringify(question),
        cache: "no-store",
        credentials: "omit",
        redirect: "error",
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      answer = await response.text();
    } catch (error) {
      throw new ServerLost("The server does not answer.", { cause: error });
    }
    const value = readJson(answer);
    if (response.ok && value !== null) return value;
    if (typeof value?.error === "string") throw new RequestRefused(value.error, response.status);
    if (response.status === 401) throw new RequestRefused("The server asks for its admin token.", 401);
    if (response.status >= 400 && response.status < 500) {
      throw new RequestRefused(
        answer.slice(0, 300).trim() || `The server answered ${response.status}.`,
        response.status,
      );
    }
    throw new ServerLost(`The server answered ${response.status} without a reason.`);
  }
}

/** Throws RequestRefused for a question about an app while there is none: those of a database may not be known yet. */
function requireApp(question) {
  if (question?.app === "") throw new RequestRefused("No app is chosen: write its id into the field App.", 400);
}

/** An object, or null for anything else. */
function readJson(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}
