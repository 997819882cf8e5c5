// What Streamlit itself carries: fetches the live modules, the style sheets and the run side by side, then mounts.

// What trainer.js imports, so that the browser asks for all of it at once instead of file after file.
const EARLY = ["ask.js", "chart.js", "curves.js", "documents.js", "dom.js", "feed.js", "film.js", "gallery.js",
               "heat.js", "latent_map.js", "moment.js", "narration.js", "numbers.js", "orders.js", "pca.js",
               "pixels.js", "plot.js", "rows.js", "run_server.js", "scales.js", "theme.js", "timeline.js", "train_formula.js",
               "trainer.js"];
const STYLES = ["base.css", "trainer.css"];

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

/** The run as it is now, or null: then the component asks again and says what is wrong. */
async function firstAnswer(root, name) {
  const url = new URL("vaex/run", root);
  url.search = new URLSearchParams({ name, since: 0 });
  const answer = await fetch(url);
  return answer.ok ? answer.json() : null;
}

export default function (component) {
  const { run, version } = component.data;
  const root = appRoot(), folder = new URL(`vaex/live/${version}/`, root), mounted = component.parentElement;
  const known = mounted.vaexRun === run.name;
  mounted.vaexRun = run.name;
  const first = known ? null : firstAnswer(root, run.name);
  preload(folder);
  const style = known ? null : Promise.all(STYLES.map(async (file) => (await fetch(new URL(file, folder))).text()));
  first?.catch(() => {});         // asked again where it is awaited
  style?.catch(() => {});
  const live = import(new URL("trainer.js", folder).href).then((module) => {
    module.mount(component, { root, style, first });
    return module;
  });
  live.catch((error) => {
    const line = document.createElement("p");
    line.setAttribute("role", "alert");
    line.textContent = `The Train page could not be loaded (${error.message}). Reload the page to try again.`;
    mounted.append(line);
  });
  return () => {
    delete mounted.vaexRun;
    live.then((module) => module.unmount(mounted), () => {});
  };
}
