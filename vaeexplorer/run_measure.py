"""The figures of a trained model on the complete test set: what makes a run's last file a complete checkpoint."""

from __future__ import annotations

from typing import Any

import numpy as np

from vaeexplorer import evaluation
from vaeexplorer.evaluation import Progress
from vaeexplorer.image_set import ImageSet
from vaeexplorer.vae import VAE


def figures(vae: VAE, data: ImageSet, seed: int, progress: Progress) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Fields of a checkpoint's header (estimates, KL per dimension, quantiles of the codes), and the codes themselves.

    Error: that of each Estimate.   Raises ValueError if the model's numbers are not finite.
    """
    vae.eval()
    found = evaluation.evaluate(vae, data.test, ("elbo",), {}, seed, progress)
    estimates = [e for e in found if not e.name.startswith("kl_")]
    if data.test_factors is not None:
        estimates.append(evaluation.disentanglement(vae, data.test, data.test_factors, seed))
    codes, quantiles = evaluation.aggregate_codes(vae, data.test, data.test_labels, seed)
    fields = {
        "estimates": tuple(estimates),
        "kl_per_dimension": tuple(e.value for e in found if e.name.startswith("kl_")),
        "code_quantiles": quantiles,
    }
    return fields, codes
