// Numbers, sizes, times and data as people read them. No function here touches the page.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

const isMissing = (value) => value === null || value === undefined || Number.isNaN(value);

/** "1,234"; "-" for what is not known. */
export function count(value) {
  return isMissing(value) ? "-" : whole.format(value);
}

/** "987", "12.3K": for an axis or a rate, where the digits would not be read. */
export function rounded(value) {
  if (isMissing(value)) return "-";
  if (value > 0 && value < 10) return String(Number(value.toFixed(1)));
  return value < 10_000 ? whole.format(value) : short.format(value);
}

/** A rate: "12.3K/s". */
export function rate(value) {
  return isMissing(value) ? "-" : `${rounded(value)}/s`;
}

/** "1 connection", "2 connections". */
export function counted(value, one, many = `${one}s`) {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** Bytes in steps of 1024: "512 B", "12.4 KiB". */
export function bytes(value) {
  if (isMissing(value)) return "-";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let step = 0;
  while (value >= 1024 && step < units.length - 1) [value, step] = [value / 1024, step + 1];
  return `${step > 0 && value < 100 ? value.toFixed(1) : Math.round(value)} ${units[step]}`;
}

/** Milliseconds: "0.4 ms", "31 ms", "2.5 s". */
export function milliseconds(value) {
  if (isMissing(value)) return "-";
  if (value >= 1000) return `${(value / 1000).toFixed(1)} s`;
  return `${value >= 10 || value === 0 ? Math.round(value) : value.toFixed(1)} ms`;
}

/** A share of one core: "12 %". */
export function percent(share) {
  if (isMissing(share)) return "-";
  return `${share > 0 && share < 0.1 ? (share * 100).toFixed(1) : Math.round(share * 100)} %`;
}

/** Seconds: "42 s", "5 min", "3 h 20 min", "12 d 4 h". */
export function duration(seconds) {
  if (isMissing(seconds)) return "-";
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (minutes < 1) return `${Math.floor(seconds)} s`;
  if (hours < 1) return `${minutes} min`;
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

const two = (number) => String(number).padStart(2, "0");

/** The time of day, "14:03:59" or with milliseconds "14:03:59.042", in the time zone of who looks. */
export function timeOfDay(ms, { precise = false } = {}) {
  const date = new Date(ms);
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return precise ? `${time}.${String(date.getMilliseconds()).padStart(3, "0")}` : time;
}

/** Day and time of day, with the zone: for a title. */
export function dayAndTime(ms) {
  return new Date(ms).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "long" });
}

const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s"{}[\],:]+/gs;
const MAX_INDENT = 32; // of 5,000 brackets in one another the blanks alone would be 50 MB
const NESTED = /^\s*[{[]/;

/**
 * JSON with line breaks. Its numbers stay as they are written: one of more than 53 bits, as ids may have, would be
 * another one if it was parsed. With `opensData` a text "data" that is JSON, as Pusher nests it, is opened too.
 */
export function indented(json, { depth = 0, opensData = false } = {}) {
  const parts = [];
  const line = () => `\n${"  ".repeat(Math.min(depth, MAX_INDENT))}`;
  let [key, before] = ["", ""];
  for (const [token] of json.matchAll(TOKENS)) {
    const isEnd = token === "}" || token === "]";
    if (isEnd) depth--;
    if (before === "{" || before === "[" ? !isEnd : before === "," || isEnd) parts.push(line());
    const inner = opensData && depth === 1 && key === '"data"' && before === ":" ? nestedJson(token) : null;
    parts.push(inner !== null ? indented(inner, { depth }) : token === ":" ? ": " : token);
    if (token === "{" || token === "[") depth++;
    if (token === ":") key = before;
    before = token;
  }
  return parts.join("");
}

/** The object or array in a text of JSON; null if there is none in it. */
function nestedJson(token) {
  const text = token.startsWith('"') ? JSON.parse(token) : "";
  return NESTED.test(text) && isJson(text) ? text : null;
}

function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** JSON with line breaks, also inside of its "data", or the text as it is if it is none. */
export function prettyData(text) {
  return isJson(text) ? indented(text, { opensData: true }) : text;
}

/**
 * What is wrong with a text that should be JSON, with line and column where the browser tells them; null if it is
 * JSON.
 */
export function jsonProblem(text) {
  if (text.trim() === "") return 'There is nothing here. JSON is expected, such as {"id": 7}, or null.';
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    const place = /line (\d+) column (\d+)/.exec(error.message);
    const at = /position (\d+)/.exec(error.message);
    const before = at ? text.slice(0, Number(at[1])) : null;
    const [line, column] = place
      ? [place[1], place[2]]
      : before !== null
        ? [before.split("\n").length, before.length - before.lastIndexOf("\n")]
        : [null, null];
    const what = error.message
      .replace(/^JSON\.parse: /, "")
      .replace(/ (in JSON )?at (position|line) .*$/, "")
      .replace(/ of the JSON data$/, "");
    return line === null
      ? `This is not JSON: ${what}.`
      : `This is not JSON, at line ${line}, column ${column}: ${what}.`;
  }
}
