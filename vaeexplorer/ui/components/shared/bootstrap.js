// What Streamlit itself carries: fetches the live modules, the style sheets and the first answer of the app side by
// side, then mounts. live_files.py writes LIVE = { entry, modules, styles, version, page } before this text. Data says
// with `identity` what is shown, and with `early` ({ route, query } or null) what to fetch for it before all else.

function preload(folder) {
  for (const file of LIVE.modules) {
    const { href } = new URL(file, folder);
    if (document.head.querySelector(`link[href="${href}"]`)) continue;
    document.head.append(Object.assign(document.createElement("link"), { rel: "modulepreload", href }));
  }
}

/** The app's root, also behind a proxy's path prefix: where Streamlit's own scripts come from. */
function appRoot() {
  const script = document.querySelector('script[src*="static/js/"]');
  return script ? new URL("../../", script.src) : new URL("./", document.baseURI);
}

function ask(root, { route, query }) {
  const url = new URL(`vaex/${route}`, root);
  url.search = new URLSearchParams(query);
  return fetch(url);
}

export default function (component) {
  const { data, parentElement } = component, { identity } = data;
  const root = appRoot(), folder = new URL(`vaex/live/${LIVE.version}/`, root);
  const known = parentElement.vaexShown === identity;
  parentElement.vaexShown = identity;
  const early = known || !data.early ? null : ask(root, data.early);
  preload(folder);
  const sheet = async (file) => (await fetch(new URL(file, folder))).text();
  const style = known ? null : Promise.all(LIVE.styles.map(sheet));
  early?.catch(() => {});         // reported where it is awaited
  style?.catch(() => {});
  const live = import(new URL(LIVE.entry, folder).href).then((module) => {
    module.default.mount(component, { root, early, style });
    return module;
  });
  live.catch((error) => {
    const line = document.createElement("p");
    line.setAttribute("role", "alert");
    line.textContent = `The ${LIVE.page} page could not be loaded (${error.message}). Reload the page to try again.`;
    parentElement.append(line);
  });
  return () => {
    delete parentElement.vaexShown;
    live.then((module) => module.default.unmount(parentElement), () => {});
  };
}
