"""`evaluate` as several processes, as torchrun starts them, and as one that somebody interrupts.

One of the tests begins with a real torchrun; where it is not the point, its processes are forked.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.forks import Forks
from tests.run_folders import ROOT, ended, wait_for

LAUNCH = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
METHODS = ["--methods", "elbo,iwae,ais,bdmc,representation"]
QUICK = ["--samples", "50", "--ais-steps", "3", "--chains", "2", "--simulated", "22"]


def torchrun(*arguments: str) -> subprocess.Popen:
    """`torchrun` itself."""
    return subprocess.Popen(
        [sys.executable, *LAUNCH, "-m", "vaeexplorer", "evaluate", "digits-2d", *arguments],
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def forked(count: int, *arguments: str) -> Forks:
    return Forks("evaluate", "digits-2d", *arguments, count=count)


def test_two_processes_give_what_one_gives(tmp_path):
    """25 images are two batches, and so are 22 simulated ones."""
    documents, arrays = [], []
    for count in (1, 2):
        out = tmp_path / f"{count}.npz"
        with ended(forked(count, *METHODS, *QUICK, "--images", "25", "--per-image", str(out), "--json")) as process:
            printed, err = process.communicate(timeout=120)
            assert process.returncode == 0, err
        documents.append(json.loads(printed))  # one process speaks
        with np.load(out, allow_pickle=False) as file:
            arrays.append({name: file[name] for name in file if name != "about"})
    one, two = documents
    assert (one["processes"], two["processes"]) == (1, 2)
    assert arrays[0].keys() == arrays[1].keys() >= {"iwae", "iwae_pareto_k", "ais", "bdmc_lower", "elbo"}
    for name, values in arrays[0].items():
        same = values == arrays[1][name] if values.dtype.kind in "US" else np.equal(values, arrays[1][name])
        assert np.all(same | (values != values)), name
    for first, second in zip(one["estimates"], two["estimates"], strict=True):
        assert (first["name"], first["n"], first["kind"]) == (second["name"], second["n"], second["kind"])
        assert first["value"] == pytest.approx(second["value"], rel=1e-12)
        assert first["stderr"] == pytest.approx(second["stderr"], rel=1e-12)
    for name, entry in one["methods"].items():
        assert entry["warnings"] == two["methods"][name]["warnings"]


@pytest.mark.parametrize("count", [1, 2])
def test_ctrl_c_prints_what_has_been_found(count):
    """The first process to say something is at work; torchrun hands the signal on to all of them."""
    words = ["--methods", "iwae,prior", "--samples", "5000000", "--images", "45", "--patient", "--json"]
    with ended(torchrun(*words) if count == 2 else forked(1, *words)) as process:
        if count == 2:
            for line in process.stderr:
                if line.startswith("this will take about"):
                    break
        else:
            wait_for(lambda: "this will take about" in process.said()[1])
        time.sleep(3)
        process.send_signal(signal.SIGINT)
        printed, err = process.communicate(timeout=60)
        assert process.returncode == (130 if count == 1 else 1), err
    assert "interrupted: what is printed is a part" in err
    document = json.loads(printed)
    iwae, prior = document["methods"]["iwae"], document["methods"]["prior"]
    assert not document["complete"] and not iwae["complete"]
    assert 0 < iwae["samples"] < iwae["asked"] == 5_000_000
    assert -40 < iwae["value"] < -10 and iwae["warnings"]["partial"] == iwae["n"] > 0
    assert (prior["value"], prior["n"]) == (None, 0)


def test_a_mistake_is_told_once():
    with ended(forked(2, "--methods", "elbo,enumeration")) as process:
        printed, err = process.communicate(timeout=120)
        assert process.returncode != 0 and printed == ""
    assert err.count("enumeration: enumeration needs Bernoulli latents") == 1
