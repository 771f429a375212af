// Which names somebody wants to see, by the rule of the server: "" is all, with * in it a pattern of the whole name,
// any other text is a part of it.

/** Whether a name is one of those that the filter wants. */
export function nameMatches(filter, name) {
  const parts = filter.split("*");
  if (parts.length === 1) return name.includes(filter);
  const [first, last] = [parts.shift(), parts.pop()];
  if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last)) return false;
  let rest = name.slice(first.length, name.length - last.length);
  for (const part of parts) {
    const at = rest.indexOf(part);
    if (at < 0) return false;
    rest = rest.slice(at + part.length);
  }
  return true;
}
