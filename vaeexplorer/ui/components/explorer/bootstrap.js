// What Streamlit itself carries: fetches the live modules, the style sheets and the decoder side by side, then mounts.

// What explorer.js imports, so that the browser asks for all of it at once instead of file after file.
const EARLY = ["activations.js", "ask.js", "controls.js", "decoder.js", "density.js", "documents.js", "dom.js",
               "engine.js", "explorer.js", "ordinary.js", "path.js", "pictures.js", "place.js", "prior.js", "random.js",
               "server.js", "share.js", "strips.js", "theme.js", "walk.js"];
const STYLES = ["base.css", "explorer.css"];

function preload(folder) {
  for (const file of EARLY) {
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

export default function (component) {
  const { model, version } = component.data;
  const root = appRoot(), folder = new URL(`vaex/live/${version}/`, root), mounted = component.parentElement;
  const identity = `${model.name} ${model.digest}`, known = mounted.vaexModel === identity;
  mounted.vaexModel = identity;
  const decoderUrl = new URL("vaex/decoder", root);
  decoderUrl.search = new URLSearchParams({ model: model.name, v: model.digest });
  const decoder = known ? null : fetch(decoderUrl);
  preload(folder);
  const style = known ? null : Promise.all(STYLES.map(async (file) => (await fetch(new URL(file, folder))).text()));
  decoder?.catch(() => {});       // reported where it is awaited
  style?.catch(() => {});
  const live = import(new URL("explorer.js", folder).href).then((module) => {
    module.mount(component, { root, decoder, style });
    return module;
  });
  live.catch((error) => {
    const line = document.createElement("p");
    line.setAttribute("role", "alert");
    line.textContent = `The Explore page could not be loaded (${error.message}). Reload the page to try again.`;
    mounted.append(line);
  });
  return () => {
    delete mounted.vaexModel;
    live.then((module) => module.unmount(mounted), () => {});
  };
}
