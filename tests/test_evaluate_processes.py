"""`evaluate` as several processes that torchrun starts, and as one that somebody interrupts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.run_folders import ROOT, ended

LAUNCH = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
METHODS = ["--methods", "elbo,iwae,ais,bdmc,representation"]
QUICK = ["--samples", "50", "--ais-steps", "3", "--chains", "2", "--simulated", "22"]


def start(launch: list[str], *arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, *launch, "-m", "vaeexplorer", "evaluate", "digits-2d", *arguments],
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def finished(process: subprocess.Popen) -> tuple[str, str]:
    with ended(process):
        return process.communicate(timeout=120)


def test_two_processes_give_what_one_gives(tmp_path):
    """25 images are two batches, and so are 22 simulated ones."""
    documents, arrays = [], []
    for count, launch in ((1, []), (2, LAUNCH)):
        out = tmp_path / f"{count}.npz"
        process = start(launch, *METHODS, *QUICK, "--images", "25", "--per-image", str(out), "--json")
        printed, err = finished(process)
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


@pytest.mark.parametrize("launch", [[], LAUNCH])
def test_ctrl_c_prints_what_has_been_found(launch):
    """The first process to say something is at work; torchrun hands the signal on to all of them."""
    process = start(launch, "--methods", "iwae,prior", "--samples", "5000000", "--images", "45", "--patient", "--json")
    with ended(process):
        for line in process.stderr:
            if line.startswith("this will take about"):
                break
        time.sleep(3)
        process.send_signal(signal.SIGINT)
        printed, err = process.communicate(timeout=60)
    assert process.returncode == (130 if not launch else 1), err
    assert "interrupted: what is printed is a part" in err
    document = json.loads(printed)
    iwae, prior = document["methods"]["iwae"], document["methods"]["prior"]
    assert not document["complete"] and not iwae["complete"]
    assert 0 < iwae["samples"] < iwae["asked"] == 5_000_000
    assert -40 < iwae["value"] < -10 and iwae["warnings"]["partial"] == iwae["n"] > 0
    assert (prior["value"], prior["n"]) == (None, 0)


def test_a_mistake_is_told_once():
    process = start(LAUNCH, "--methods", "elbo,enumeration")
    printed, err = finished(process)
    assert process.returncode != 0 and printed == ""
    assert err.count("enumeration: enumeration needs Bernoulli latents") == 1
