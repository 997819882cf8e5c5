// What the page's address says: ?demo=NAME&seed=0&SETTING=value&present=1. No DOM but the address.

export const LARGEST_SEED = 2 ** 31 - 1;
const OWN = ["demo", "seed", "present"];
const FOREIGN = /^(model|embed|embed_options)$/;        // of other pages and of Streamlit

/** The value of a control for a text, as Python's check reads it; undefined if it is none. */
export function valueOf(control, text) {
  if (control.kind === "choice") return control.values.map(([value]) => value).find((one) => String(one) === text);
  if (control.kind === "steps") {
    const letters = control.buttons.map(([letter]) => letter);
    return text.length <= control.most && [...text].every((one) => letters.includes(one)) ? text : undefined;
  }
  const number = text.trim() === "" ? NaN : Number(text);
  const fits = number >= control.low && number <= control.high && (!control.whole || Number.isInteger(number));
  return fits ? number : undefined;
}

export const defaultsOf = (demo) => Object.fromEntries(demo.controls.map((one) => [one.name, one.default]));

function settingsOf(demo, query, complain) {
  const settings = defaultsOf(demo);
  for (const [name, text] of query) {
    if (OWN.includes(name) || FOREIGN.test(name)) continue;
    const control = demo.controls.find((one) => one.name === name), value = control && valueOf(control, text);
    if (value !== undefined) settings[name] = value;
    else if (!control) complain(`“${demo.title}” has no setting “${name.slice(0, 40)}”: it is left out.`);
    else complain(`The link's ${name}=${text.slice(0, 40)} cannot be: the usual value is taken.`);
  }
  return settings;
}

/**
 * What a link asks for, and a line for each thing that cannot be.
 * Returns: { demo (name or null: none is asked for), settings, seed (or null), present, complaints }.
 */
export function readAddress(search, demos) {
  const query = new URLSearchParams(search), complaints = [], complain = (line) => complaints.push(line);
  const asked = query.get("demo"), demo = demos.find(({ name }) => name === asked) ?? null;
  if (asked && !demo) complain(`There is no demonstration “${asked.slice(0, 40)}”: here are the others.`);
  const text = query.get("seed"), seed = /^\d{1,10}$/.test(text ?? "") ? Number(text) : NaN;
  const fine = seed <= LARGEST_SEED;
  if (text !== null && !fine) complain(`The link's seed is no whole number from 0 to ${LARGEST_SEED}: 0 is taken.`);
  return { demo: demo?.name ?? null, settings: demo ? settingsOf(demo, query, complain) : null,
           seed: fine ? seed : null, present: query.get("present") === "1", complaints };
}

/** The address of a demonstration; what is as usual is left out. */
export function addressOf(base, demo, settings, seed, present) {
  const url = new URL(base), { searchParams: query } = url;
  for (const name of [...query.keys()]) if (!FOREIGN.test(name)) query.delete(name);
  query.set("demo", demo.name);
  query.set("seed", seed);
  for (const { name, default: usual } of demo.controls) if (settings[name] !== usual) query.set(name, settings[name]);
  if (present) query.set("present", "1");
  return url.href;
}
