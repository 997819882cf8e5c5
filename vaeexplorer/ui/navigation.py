"""The pages of the app. A page comes with its file and one line in PAGES; the first line opens first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import streamlit as st

FOLDER = Path(__file__).resolve().parents[2] / "pages"


@dataclass(frozen=True)
class Entry:
    """title and icon in the menu; purpose: its tooltip, a sentence; needs_model: it shows a model, chosen beside it."""

    title: str
    icon: str
    purpose: str
    needs_model: bool = True


def pages() -> list[st.Page]:
    """All pages for st.navigation. The first has two addresses, the app's root and its own name.

    Streamlit serves the default page at the root only and reports its own name as not found; so it is listed twice, and
    the menu shows the one that is open.
    """
    first, *others = PAGES
    named = urlsplit(st.context.url or "").path.rstrip("/").endswith(f"/{Path(first).stem}")
    return [
        _page(first, default=True, url_path="start", visibility="hidden" if named else "visible"),
        _page(first, visibility="visible" if named else "hidden"),
        *(_page(file) for file in others),
    ]


def needs_model(page: st.Page) -> bool:
    """Whether the page shows the model that is chosen in the sidebar; if not, it has its own there."""
    return next((entry.needs_model for entry in PAGES.values() if entry.title == page.title), True)


def page_of(file: str) -> st.Page:
    """The page with this file, to link to; the first one by its own name."""
    first = next(iter(PAGES))
    return _page(file, visibility="hidden") if file == first else _page(file)


def _page(file: str, **options) -> st.Page:
    entry = PAGES[file]
    return st.Page(FOLDER / file, title=entry.title, icon=entry.icon, help=entry.purpose, **options)


PAGES: dict[str, Entry] = {
    "explore.py": Entry(
        "Explore", ":material/tune:", "Drag latent dimensions of a trained model and watch the picture."
    ),
    "map.py": Entry("Map", ":material/bubble_chart:", "See where the codes of images lie, and what lies there."),
    "reconstruct.py": Entry(
        "Reconstruct", ":material/compare:", "Put images beside what the model makes of them; draw or upload your own."
    ),
    "bounds.py": Entry(
        "Bounds", ":material/straighten:", "See what the ELBO is made of, and how far below log p(x) it lies."
    ),
    "gradients.py": Entry(
        "Gradients", ":material/trending_up:", "See why the reparametrization trick won: how far gradients scatter."
    ),
    "train.py": Entry(
        "Train", ":material/model_training:", "Train a model and watch it learn, look back, compare.", needs_model=False
    ),
    "lab.py": Entry(
        "Lab", ":material/science:", "See what goes wrong and why: ten demonstrations for everyone.", needs_model=False
    ),
}
