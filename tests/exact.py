"""The linear-Gaussian example, x = W z + b + N(0, s2 I), also as a VAE with the `linear` architecture, and its numbers.

Its log p(x), posterior and bounds have closed forms; the numbers below were confirmed by quadrature to 3e-13.
"""

import math

import torch

from vaeexplorer.configs import VaeConfig
from vaeexplorer.linear_gaussian import example
from vaeexplorer.vae import VAE

_MODEL, _X, _Q = example()
W, B = _MODEL.weight, _MODEL.bias
X = _X.reshape(1, 1, 1, 3)  # as an image
Q_MEAN, Q_STD = _Q.mean[0], _Q.std[0]

LOG_P = -2.898548
RECONSTRUCTION, KL, ELBO, GAP = -2.975974, 0.706705, -3.682679, 0.784131
RELATIVE_VARIANCE, ESS_SHARE = 2.485104, 0.286935
IWAE_GAP = {10: 0.1075, 100: 0.0118}
POSTERIOR_MEAN = torch.tensor([0.794187, -0.114124], dtype=torch.float64)
POSTERIOR_COVARIANCE = torch.tensor([[0.182891, -0.017070], [-0.017070, 0.168260]], dtype=torch.float64)


def linear_vae() -> VAE:
    """The model with q = N(Q_MEAN, diag(Q_STD)^2) for every image, in float64."""
    config = VaeConfig(
        image_shape=(1, 1, 3), architecture="linear", latent_dim=2,
        likelihood="gaussian", likelihood_std=0.5, output="identity",
    )  # fmt: skip
    vae = VAE(config).double()
    with torch.no_grad():
        vae.decoder[0].weight.copy_(W)
        vae.decoder[0].bias.copy_(B)
        vae.encoder[1].weight.zero_()
        vae.encoder[1].bias.copy_(torch.cat([Q_MEAN, Q_STD.log()]))
    vae.likelihood.log_std.fill_(math.log(0.5))
    return vae.eval()


def z_score(values: torch.Tensor, truth: float) -> float:
    """How many standard errors the mean of independent values is away from the truth."""
    return float((values.mean() - truth) / (values.std() / math.sqrt(values.numel())))
