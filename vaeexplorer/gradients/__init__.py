"""Estimators of the gradient by q's parameters: ESTIMATORS for replicates of a function of one's own, and the losses
that training minimises.
"""

from vaeexplorer.gradients.losses import Bound, Charge, free_of_charge, weighted
from vaeexplorer.gradients.registry import ESTIMATORS, GradientEstimator
from vaeexplorer.gradients.samples import bernoulli_gradient_samples, gradient_samples

__all__ = [
    "ESTIMATORS", "Bound", "Charge", "GradientEstimator", "bernoulli_gradient_samples",
    "free_of_charge", "gradient_samples", "weighted",
]  # fmt: skip
