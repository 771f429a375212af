// Where the page is, as the part of its address behind "#": #/channels/NAME, #/events?channel=FILTER. The server
// never sees it.

/** The text of a route: `hashOf("channels", ["room 1"])` is "#/channels/room%201". */
export function hashOf(panel, segments = [], parameters = {}) {
  const path = [panel, ...segments].map(encodeURIComponent).join("/");
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value)).toString();
  return `#/${path}${query ? `?${query}` : ""}`;
}

/** {panel, segments, parameters} of a text; a panel "" if there is none. */
export function readHash(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const [panel, ...segments] = path.split("/").map(decoded);
  return { panel, segments, parameters: Object.fromEntries(new URLSearchParams(query)) };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // somebody typed a lone "%"
  }
}
