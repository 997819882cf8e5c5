"""Several runs side by side: one quantity over their steps, their final figures, and in what their settings differ."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from vaeexplorer import runs
from vaeexplorer.figures import curves
from vaeexplorer.records import Estimate
from vaeexplorer.runs import RunError
from vaeexplorer.ui import controls, run_picker, train_fields
from vaeexplorer.ui.run_courses import ALONG, QUANTITIES, course, latest, newest
from vaeexplorer.ui.train_fields import ASKS

CHOSEN, QUANTITY, AGAINST = "compared_runs", "compared_quantity", "compared_against"
FIRST_RUNS = 3  # chosen before anybody chose
LONGEST_LABEL = 36
TIMELESS = ", or their time is not known (runs of an earlier version kept none)"
CLOCK_WORDS = (
    " Time is that of training alone, without looks at the model, saves and pauses; on a busy machine it says less "
    "than the steps."
)
TASK = ("dataset", "image_shape", "likelihood", "binarization")  # what an ELBO is the ELBO of


def compare(shown: str | None) -> None:
    """The panel above the run: which runs, one quantity of theirs as curves, and two tables."""
    known = runs.listing()
    labels = run_picker.unique({name: shortened(runs.title(path)) for name, path in known.items()})
    if CHOSEN not in st.session_state:
        st.session_state[CHOSEN] = _first_choice(shown, known)
    st.session_state[CHOSEN] = [name for name in st.session_state[CHOSEN] if name in known]
    with st.container(border=True):
        what, against, which = st.columns([2, 1, 5])
        quantity = what.selectbox("Quantity", list(QUANTITIES), key=QUANTITY, persist_state="session")
        along = against.selectbox("Against", list(ALONG), key=AGAINST, persist_state="session")
        chosen = which.multiselect(
            "Runs", list(known), key=CHOSEN, format_func=lambda name: labels.get(name, name), wrap=True,
            persist_state="session",
        )  # fmt: skip
        if not chosen:
            st.markdown("Choose at least one run.")
            return
        paths = {labels[name]: known[name] for name in chosen}
        settings, problems = _settings(paths)
        _figure(quantity, along, paths)
        if caution := different_tasks(settings):
            st.warning(caution)
        _figures_table(paths)
        _differences_table(settings)
        for problem in problems:
            st.caption(problem)


def _first_choice(shown: str | None, known: Mapping[str, Path]) -> list[str]:
    """The run that is shown, and the newest others on the same images."""
    images = {name: _images(path) for name, path in known.items()}
    same = [name for name in known if images[name] == images.get(shown or "")]
    return sorted(same, key=lambda name: name != shown)[:FIRST_RUNS]


def _images(path: Path) -> str | None:
    with contextlib.suppress(RunError):
        return runs.config(path).dataset.name
    return None


def shortened(title: str) -> str:
    """A title for the head of a column and the legend of a figure."""
    return title if len(title) <= LONGEST_LABEL else title[: LONGEST_LABEL - 1].rstrip() + "…"


# The curves


def _figure(quantity: str, along: str, paths: Mapping[str, Path]) -> None:
    about = QUANTITIES[quantity]
    drawn = [curves.Curve(title, *course(path, quantity, along)) for title, path in paths.items()]
    if not any(len(curve.steps) for curve in drawn):
        st.markdown(f"None of these runs has measured this yet: {quantity}{TIMELESS if along == 'Time' else ''}.")
        return
    theme = "dark" if st.context.theme.type == "dark" else "light"
    st.plotly_chart(
        curves.overlay(drawn, about.axis, theme, ALONG[along]), key="compared_curves",
        config={"displayModeBar": False},
        alt=f"{quantity} of {len(drawn)} runs over their {'seconds' if along == 'Time' else 'steps'} of training",
    )  # fmt: skip
    timeless = [curve.title for curve in drawn if not len(curve.steps)] if along == "Time" else []
    words = f" Not drawn, as their time is not known: {', '.join(timeless)}." if timeless else ""
    aside = CLOCK_WORDS if along == "Time" else ""
    st.caption(controls.plain(_figure_caption(quantity, list(paths.values())) + aside + words, 900))


def _figure_caption(quantity: str, paths: Iterable[Path]) -> str:
    about = QUANTITIES[quantity]
    if not about.estimate:
        return f"{about.axis}: {about.about}. Drag to enlarge, double-click to see all."
    rows = [newest(path)[0] for path in paths]
    found = [e for estimates in rows for e in estimates if e.name == about.estimate]
    counts = " or ".join(f"{n:,}" for n in sorted({e.n for e in found}))
    return (
        f"{about.axis}: {about.about}. Each point is a mean over n = {counts} {found[0].over} ({found[0].kind}), its "
        "band ± one standard error. The frame leaves out the first plunge; drag to enlarge, double-click to see all."
    )


# The tables


def _figures_table(paths: Mapping[str, Path]) -> None:
    st.markdown("**Final figures**")
    found = {title: latest(path) for title, path in paths.items()}
    rows = figures({title: estimates for title, (estimates, _) in found.items()})
    if not rows:
        st.markdown("None of these runs has been measured yet.")
        return
    _table(rows)
    measured = {title: when for title, (estimates, when) in found.items() if estimates}
    alike = len(set(measured.values())) == 1
    when = next(iter(measured.values())) if alike else "; ".join(f"{title} {when}" for title, when in measured.items())
    st.caption(controls.plain(f"Value ± standard error, which is random error only. Measured {when}.", 1000))


def figures(estimates: Mapping[str, list[Estimate]]) -> list[dict[str, str]]:
    """A row for each figure, with its kind and what was averaged, and a column for each run (title -> its figures).

    Means over different things stand in different rows: they are not to be compared digit by digit.
    """
    rows: dict[tuple, dict[str, str]] = {}
    for title, found in estimates.items():
        for e in found:
            name = FIGURE_WORDS.get(e.name, e.name.replace("_", " ").capitalize())
            about = {"Figure": name, "Kind": e.kind, "Mean over": f"{e.n:,} {e.over}"}
            row = rows.setdefault(tuple(about.values()), about | dict.fromkeys(estimates, ""))
            row[title] = str(e).replace("-", "−")
    order = [*FIGURE_WORDS.values(), *(row["Figure"] for row in rows.values())]
    return sorted(rows.values(), key=lambda row: order.index(row["Figure"]))


def _settings(paths: Mapping[str, Path]) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Title -> both configurations, and a line for each run whose configuration cannot be read."""
    settings: dict[str, dict[str, Any]] = {}
    problems = []
    for title, path in paths.items():
        try:
            about = runs.config(path)
        except RunError as error:
            problems.append(controls.plain(str(error), 400))
        else:
            settings[title] = {**about.train.model_dump(), **about.vae.model_dump()}
    return settings, problems


def different_tasks(settings: Mapping[str, Mapping[str, Any]]) -> str:
    """A line if these runs are scored on different things, "" if their figures may be compared."""
    names = [name for name in TASK if len({repr(values[name]) for values in settings.values()}) > 1]
    if not names:
        return ""
    words = ", ".join(_field_words(name).lower() for name in names)
    return f"These runs are scored on different things ({words}): compare their KL, not their ELBO or reconstruction."


def _differences_table(settings: Mapping[str, Mapping[str, Any]]) -> None:
    st.markdown("**Settings that differ**")
    rows = differences(settings)
    if rows:
        _table(rows)
    elif len(settings) > 1:
        st.markdown("None: these runs have the same settings.")
    else:
        st.markdown("Choose at least two runs to see in what they differ.")


def differences(settings: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    """A row for each field that has not the same value in all of them: its name, and the value in each run."""
    names = {name: None for values in settings.values() for name in values}
    return [
        {"Setting": _field_words(name), **{title: _value_words(name, s.get(name)) for title, s in settings.items()}}
        for name in names
        if len({repr(values.get(name)) for values in settings.values()}) > 1
    ]


def _field_words(name: str) -> str:
    return ASKS[name].label if name in ASKS else name.replace("_", " ").capitalize()


def _value_words(name: str, value: Any) -> str:
    if isinstance(value, tuple | list):
        return "×".join(map(str, value)) if name == "image_shape" else "-".join(map(str, value))
    if isinstance(value, float):
        return f"{value:g}"
    if value is None:
        return ASKS[name].empty or "none"
    return train_fields.word(name, value) if name in ASKS and train_fields.choices(name) else str(value)


def _table(rows: list[dict[str, str]]) -> None:
    import pandas

    st.dataframe(pandas.DataFrame(rows), hide_index=True, width="stretch")


FIGURE_WORDS = {
    "elbo": "ELBO",
    "reconstruction": "Reconstruction E log p(x|z)",
    "kl": "KL(q‖p(z))",
    "subo": "U, upper bound of the surprisal",
    "surprisal": "S, surprisal",
    "gap": "E, gap",
    "iwae": "IWAE bound",
    "mig": "Mutual information gap",
}
