// What this browser keeps of the page: settings of who looks, never data of the server. Where it may keep nothing
// (privacy settings, which make already the look at a storage an error) they hold until the page is closed.

/** localStorage or sessionStorage, by name, or one in memory in its place. */
export function storage(name) {
  try {
    return window[name];
  } catch {
    const values = new Map();
    return {
      getItem: (key) => values.get(key) ?? null,
      setItem: (key, value) => values.set(key, value),
      removeItem: (key) => values.delete(key),
    };
  }
}

const KEPT_THEME = "revurb-console-theme";
const THEMES = { auto: "Theme: system", light: "Theme: light", dark: "Theme: dark" };

/**
 * Make a button the switch between the system's theme, light and dark. Returns what switches, and names the new one.
 */
export function themeSwitch(button, kept = storage("localStorage")) {
  let theme = kept.getItem(KEPT_THEME);
  if (!Object.hasOwn(THEMES, theme ?? "")) theme = "auto";
  const show = () => {
    document.documentElement.setAttribute("data-theme", theme);
    button.setAttribute("aria-label", THEMES[theme]);
    button.title = THEMES[theme];
    return THEMES[theme];
  };
  const next = () => {
    const names = Object.keys(THEMES);
    theme = names[(names.indexOf(theme) + 1) % names.length];
    kept.setItem(KEPT_THEME, theme);
    return show();
  };
  button.addEventListener("click", next);
  show();
  return next;
}
