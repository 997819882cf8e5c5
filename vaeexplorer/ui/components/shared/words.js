// Texts from the app as sentences. No DOM.

/** A capital letter first (but not of names such as q and z7), a full stop last. */
export function sentence(text) {
  if (!text) return "";
  const begun = /^[b-z](\d|\b)/.test(text) ? text : text[0].toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}
