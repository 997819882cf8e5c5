// The colours of classes, the same wherever classes are shown. No DOM.

const DARK = ["#f25c66", "#ff9d42", "#f2d544", "#6cc96a", "#35b79f", "#5cc8f5", "#6f93ff", "#b57bee", "#ff8cc6",
              "#b59a8c"];
const LIGHT = ["#c92a38", "#d97100", "#a68a00", "#35883a", "#0b8473", "#0f86b8", "#2c57d3", "#7d38ba", "#c2357f",
               "#75594c"];
const FEW = [0, 5, 2, 7, 3];            // of these colours where there are so few classes: far apart

export const DISTINCT = DARK.length;    // with more classes the colours repeat

/** One CSS colour for each of `count` classes.  Args: theme "dark" or "light". */
export function classColours(theme, count) {
  const palette = theme === "dark" ? DARK : LIGHT;
  return Array.from({ length: count }, (_, k) => palette[count <= FEW.length ? FEW[k] : k % palette.length]);
}
