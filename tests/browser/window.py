"""One browser window for many tests, handed to each of them as if it were new.

A new page costs two seconds of processor time before it shows anything: a process, and the compiling of Streamlit's
scripts. A page that leaves one address for another of the same machine keeps both. Everything that one test could
leave to the next is taken away: its document with all that runs there, cookies and storage, listeners, routes, the
size, mouse and keys that are held, the media. What cannot be taken away, as a script for every new document, costs
the window.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Error

from tests.browser.driver import PROBE, VIEWPORT

MEDIA = {"media": "screen", "color_scheme": "light", "reduced_motion": "no-preference", "forced_colors": "none"}
HELD = ("Shift", "Control", "Alt", "Meta")
LASTING = ("add_init_script", "expose_function", "expose_binding", "set_extra_http_headers", "set_default_timeout")
FORGET = """() => {
    try { localStorage.clear(); sessionStorage.clear(); return true; } catch (error) { return false; }
}"""
NATIVE = "() => [Date, setTimeout, requestAnimationFrame, fetch].every((f) => String(f).includes('[native code]'))"


class Window:
    """A page of 1440 x 900 with the probe that is cleaned after each test, or replaced where that cannot be.

    blank is the address of an empty page of this machine: the same site, so that the page's process stays.
    """

    def __init__(self, browser: Any, blank: str) -> None:
        self.browser, self.blank = browser, blank
        self.page: Any = None
        self._heard: list[tuple[str, Any]] = []
        self._spoilt = False

    def open(self) -> Any:
        """The page, at an empty document."""
        if self.page is None:
            context = self.browser.new_context(viewport=VIEWPORT)
            context.add_init_script(path=PROBE)
            self.page = context.new_page()
            self._watch(self.page)
            self.page.goto(self.blank)
        return self.page

    def clean(self) -> None:
        """Take away what a test left behind, and the page itself where something would stay."""
        for event, listener in self._heard:
            self.page.remove_listener(event, listener)
        self._heard.clear()
        try:
            kept = not self._spoilt and self._emptied()
        except Error:  # closed, or on its way to another address
            kept = False
        if not kept:
            self.close()

    def _emptied(self) -> bool:
        """Leave the document and make everything as it was; False where that cannot be."""
        page, context = self.page, self.page.context
        if page.is_closed() or len(context.pages) > 1:
            return False
        page.unroute_all(behavior="ignoreErrors")
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(page.url))
        if not page.evaluate(FORGET):  # the browser's own page of an app that is gone
            return False
        page.goto(self.blank)
        page.mouse.up()
        for key in HELD:
            page.keyboard.up(key)
        page.mouse.move(0, 0)
        page.emulate_media(**MEDIA)
        if page.viewport_size != VIEWPORT:
            page.set_viewport_size(VIEWPORT)
        context.clear_cookies()
        context.clear_permissions()
        session = context.new_cdp_session(page)
        session.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
        session.detach()
        return bool(page.evaluate(NATIVE))  # or else a clock of its own, as `page.clock` installs

    def close(self) -> None:
        """The next test gets another page."""
        if self.page is not None:
            self.page.context.close()
        self.page, self._spoilt = None, False
        self._heard.clear()

    def _watch(self, page: Any) -> None:
        """Remember who listens, and whether something is asked for that stays."""
        listen = page.on

        def on(event: str, listener: Any) -> None:
            self._heard.append((event, listener))
            listen(event, listener)

        page.on = on
        for name in LASTING:
            setattr(page, name, self._spoiling(getattr(page, name)))

    def _spoiling(self, real: Any) -> Any:
        def call(*given: Any, **options: Any) -> Any:
            self._spoilt = True
            return real(*given, **options)

        return call
