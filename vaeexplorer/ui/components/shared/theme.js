// What the visitor has chosen: light or dark, motion or stillness.

/** "dark" or "light": the colours of the grammar have a shade for each, and Streamlit's background says which. */
export function themeOf(host) {
  const background = getComputedStyle(host.host ?? host).getPropertyValue("--st-background-color").trim();
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const probe = canvas.getContext("2d");
  probe.fillStyle = background || "#fff";
  probe.fillRect(0, 0, 1, 1);
  const [r, g, b] = probe.getImageData(0, 0, 1, 1).data;
  return 0.3 * r + 0.6 * g + 0.1 * b < 128 ? "dark" : "light";
}

/**
 * Give a view's root the theme that Streamlit shows, and read the grammar's colours from it for canvases.
 * kinds: names of CSS variables.   Returns: { theme: "dark" or "light", colours: { kind: CSS colour as computed } }.
 */
export function dress(root, host, kinds) {
  const theme = root.dataset.theme = themeOf(host), probe = document.createElement("i");
  probe.hidden = true;
  root.append(probe);
  const colours = Object.fromEntries(kinds.map((kind) => {
    probe.style.color = `var(--${kind})`;
    return [kind, getComputedStyle(probe).color];
  }));
  probe.remove();
  return { theme, colours };
}

export const prefersStillness = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;
