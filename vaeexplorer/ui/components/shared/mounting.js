// From Streamlit's calls to views: one view for each place on the page, a new one when something else is to be shown.

/**
 * The entry of a live component. `View` is a class: new View(component, early) shows what data.identity names, with
 * early = { root, early (the first answer under way, or null), style (texts of the style sheets, under way) };
 * view.update(component) follows a rerun of the same; view.destroy() leaves nothing behind.
 * Returns: { mount(component, early), unmount(parentElement) }.
 */
export function entry(View) {
  const views = new WeakMap();          // place on the page -> { view, identity }

  function unmount(place) {
    views.get(place)?.view.destroy();
    views.delete(place);
  }

  function mount(component, early) {
    const { parentElement: place, data: { identity } } = component, shown = views.get(place);
    if (shown?.identity === identity) {
      shown.view.update(component);
      return;
    }
    unmount(place);
    views.set(place, { view: new View(component, early), identity });
  }

  return { mount, unmount };
}

/** The texts of style sheets as one for a place on the page: Streamlit's own styles are elements, not adopted sheets. */
export function styleSheet(texts) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(texts.join("\n"));
  return sheet;
}
