"""A bound without a floor: a Gaussian decoder that may choose its own noise level makes the ELBO as high as it likes.

log p(x|z) = -|x - m(z)|^2 / (2 s^2) - (d/2) log 2 pi s^2. On a few images m(z) can be learned almost without error;
then every halving of s wins d log 2 nats, and nothing ends it. With s fixed, log p(x) <= -(d/2) log 2 pi s^2, the
density of an image that is met exactly, whatever the model learns.
Source: text 001, "Probability density"; the recipe is REFERENCE's: 8 digits, 64-64-64-10.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from vaeexplorer.datasets import load, unit_floats
from vaeexplorer.demos.demo import Demo, Moment, Outcome, Settings, Slider
from vaeexplorer.demos.no_floor_pair import ElboNow, Pair
from vaeexplorer.demos.pixels import packed
from vaeexplorer.records import Estimate

PIXELS = 64
STEPS, BETWEEN = 5000, 50  # of Adam; from one moment to the next
SHOWN = 8  # images in the picture, and images that were never seen
MARKS = (0.6, 0.129, 0.0175, 0.0049)  # noise levels at which REFERENCE gives the ELBO
BANDS = {0.6: (-37.0, -25.0), 0.129: (57.0, 72.0), 0.0175: (176.0, 200.0), 0.0049: (249.0, 279.0)}
PROMISED = {"points": 8, "most_rate": 0.002}  # what the bands are for
