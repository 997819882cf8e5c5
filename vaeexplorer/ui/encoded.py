"""Where the codes of the Map and of the gallery come from, for each model:

    test, train, all    images of the model's data set, encoded here by a job
    kept                codes of held-out images that the checkpoint carries: they need no data
    course              the codes in a run's snapshots, of the same held-out images at each kept step
    upload-ID           codes from a file of the user's, only looked at

Codes stay in memory as long as there is room (jobs.Jobs), known by a digest of all that made them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from vaeexplorer import runs
from vaeexplorer.ui import cached, code_uploads, data_fetch, map_codes
from vaeexplorer.ui.jobs import Job, Jobs, Unanswerable
from vaeexplorer.ui.map_codes import Codes

RESULT_BYTES = 2**30  # of codes, pictures and the images behind them
OF_DATA = {"test": "Test images", "train": "Training images", "all": "All images"}

# One of a kind at a time: two at once on the same cores are slower than one after the other.
LANES = ("encoding", "embedding", "projection", "density", "download", "bounds", "posteriors", "gaps", "gradients")
SHORT = {"demos": 2}  # seconds each, and people watch them side by side in two tabs
JOBS = Jobs(dict.fromkeys(LANES, 1) | SHORT, RESULT_BYTES)


@dataclass(frozen=True)
class Source:
    """Where codes can come from: what people read, whether it is here, and if not, why and what to do, in one line."""

    id: str
    title: str
    here: bool
    why: str = ""


def sources(name: str) -> list[Source]:
    """What could be shown of this model, in the order in which people want it."""
    held, title = cached.has_data(name), cached.header(name).dataset.title
    why = "" if held else data_fetch.missing_words(name)
    found = [Source(source, f"{words} of {title}", held, why) for source, words in OF_DATA.items()]
    kept = cached.codes_document(name) is not None
    found.append(Source("kept", "Codes in the checkpoint", kept, "" if kept else "this checkpoint carries no codes"))
    if name.startswith("run/"):
        seen = bool(_snapshots(name))
        why = "" if seen else "this run keeps no snapshots yet"
        found.append(Source("course", "The course of training", seen, why))
    return [*found, *(Source(source, upload.title, True) for source, upload in code_uploads.listing().items())]


def ask(name: str, source: str, seed: int, again: bool = False, digest: str = "") -> Job:
    """The job that makes these codes; its result is a Codes.

    digest: if codes that were asked for before are still here, those, also when the model's file changed meanwhile.
    Raises: Unanswerable for a source that is unknown or not here; UnknownModel; CheckpointError; RunError.
    """
    cached.path_of(name)
    known = JOBS.known(("codes", name, digest)) if digest else None
    if known is not None and known.result.source == source and known.result.seed in (seed, None):
        return known
    if source in OF_DATA:
        return _of_data(name, source, seed, again)
    if source == "kept":
        version, make = f"{cached.header(name).digest}|{seed}", partial(map_codes.of_checkpoint, name, seed)
    elif source == "course":
        steps = _steps(name)
        version, make = f"{cached.path_of(name).parent.stat().st_ino}|{steps}", partial(map_codes.of_run, name, steps)
    elif source.startswith("upload-"):
        version, make = code_uploads.find(source).title, partial(map_codes.of_upload, name, source)
    else:
        here = ", ".join(found.id for found in sources(name) if found.here)
        raise Unanswerable(f"there is no source {source[:40]!r}; here are: {here or 'none'}")
    return _at_once(name, _digest(source, version), make)


def shown(name: str, source: str) -> Codes | None:
    """Codes of this source whose images are in memory, whichever their seed: the images are the same."""
    for key, result in reversed(JOBS.results()):
        if key[:2] == ("codes", name) and result.source == source and result.images:
            return result
    return None


def fetch(name: str, again: bool) -> Job:
    """The job that downloads the model's data set.   Raises Unanswerable for one that nobody offers."""
    source = data_fetch.offered(name)
    if source is None:
        raise Unanswerable(f"{data_fetch.missing_words(name)}, and nobody offers them for download")
    return JOBS.ask(("download", source), "download", partial(data_fetch.download, source), again=again)


def _of_data(name: str, source: str, seed: int, again: bool) -> Job:
    if not cached.has_data(name):
        raise Unanswerable(data_fetch.missing_words(name))
    digest = _digest(cached.header(name).digest, source, seed)
    work = partial(map_codes.of_images, name, source, seed, digest)
    return JOBS.ask(("codes", name, digest), "encoding", work, _bytes, again)


def _at_once(name: str, digest: str, make: Callable[[str], Codes]) -> Job:
    known = JOBS.known(("codes", name, digest))
    if known is not None:
        return known
    codes = make(digest)
    return JOBS.keep(("codes", name, digest), codes, codes.nbytes)


def _bytes(codes: Codes) -> int:
    return codes.nbytes


def _digest(*parts: object) -> str:
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:16]


def _steps(name: str) -> list[int]:
    steps = _snapshots(name) if name.startswith("run/") else []
    if not steps:
        raise Unanswerable("only runs that keep snapshots have a course of training to show")
    return steps


def _snapshots(name: str) -> list[int]:
    try:
        return runs.snapshots(runs.find(name.removeprefix("run/")))
    except runs.RunError:
        return []
