"""What codes tell of the known factors and the classes of a data set (numpy and scikit-learn, no torch)."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from vaeexplorer.records import Estimate

CARRIED = 0.2  # a gap from here on: "carried by mainly one dimension"
FEWEST = 20  # codes for DCI and the FactorVAE score


@dataclasses.dataclass(frozen=True)
class InformationGap:
    """The mutual information between F factors and D latent dimensions, and its gaps. All shares are of 0..1.

    mig: mean of per_factor.   per_factor (F,): share of the factor's entropy by which the most informative dimension is
    ahead of the second.   mutual_information (F, D): I(factor; dimension) / H(factor).   top_dimension (F,): the most
    informative dimension of each factor, counted from 0.   n: number of codes.
    """

    mig: float
    per_factor: np.ndarray
    mutual_information: np.ndarray
    top_dimension: np.ndarray
    n: int

    @property
    def carried(self) -> np.ndarray:
        """Whether each factor is carried by mainly one dimension: its gap is at least 0.2. bool (F,)."""
        return self.per_factor >= CARRIED

    def sentences(self, factor_names: tuple[str, ...]) -> tuple[str, ...]:
        """A sentence for each factor, with the dimensions numbered from z1 as on the pages."""
        rows = zip(factor_names, self.per_factor, self.top_dimension, self.carried, strict=True)
        return tuple(
            f"{name}: carried by mainly one dimension, z{top + 1} (gap {gap:.2f})"
            if carried
            else f"{name}: not carried by mainly one dimension (gap {gap:.2f})"
            for name, gap, top, carried in rows
        )


def mutual_information_gap(codes: np.ndarray, factors: np.ndarray, bins: int = 20) -> InformationGap:
    """The mutual information gap of codes with the factors that the images were made from.

    MIG = mean over factors v of (I(v; z_1st) - I(v; z_2nd)) / H(v), the two dimensions that tell most about v.
    Args: codes (N, D), for example the posterior means; factors (N, F) integers, each a position in a factor's values;
    bins: of equal width between the least and the greatest value of each dimension.
    Returns: InformationGap. A factor that never changes has gap 0.
    Error: the histogram's mutual information is biased up, about (bins - 1)(values - 1) / 2N nats for independent ones.
    Raises: ValueError if the arrays do not match, are empty or not finite.   Source: Chen et al. 2018, section 4.
    """
    codes, factors = _checked(codes, factors)
    if bins < 2:
        raise ValueError(f"expected at least 2 bins, got {bins}")
    binned = np.stack([_bin(column, bins) for column in codes.T], axis=1)
    shares = np.array([[_shared(factor, column) for column in binned.T] for factor in factors.T])
    second, first = np.sort(np.pad(shares, ((0, 0), (1, 0))), axis=1)[:, -2:].T  # one dimension only: the second is 0
    return InformationGap(float((first - second).mean()), first - second, shares, shares.argmax(axis=1), len(codes))


@dataclasses.dataclass(frozen=True)
class Dci:
    """Disentanglement and completeness (0..1) from the importance (D, F) of each dimension for each factor; each column
    sums to 1, and is 0 for a factor that never changes. informativeness: share of factor values that are predicted.
    """

    importance: np.ndarray
    disentanglement: Estimate
    completeness: Estimate
    informativeness: Estimate


def dci(codes: np.ndarray, factors: np.ndarray, seed: int, trees: int = 20) -> Dci:
    """Is each dimension about one factor (D), each factor in one dimension (C), and is the factor known at all (I)?

    With R_ij >= 0 the importance of dimension i for factor j:   D = sum_i w_i (1 - H_F(R_i. / sum_j R_ij)), where w_i
    is i's share of all importance;   C = mean_j (1 - H_D(R_.j));   H_b is the entropy with logarithms to the base b.
    R are the impurity importances of a random forest per factor, fitted to half of the codes; I is its accuracy on the
    other half, a mean over factors (a code that knows nothing gets the share of the most frequent value).
    Args: codes (N, D); factors (N, F) integers.
    Error: D and C by their spread over the trees: each is grown on its own bootstrap sample. I over images. Factors
    that the code does not know spread their importance over all dimensions and lower D and C.
    Raises: ValueError as mutual_information_gap, for fewer than 20 codes, or if no factor ever changes.
    Source: Eastwood & Williams 2018, section 2; accuracy in place of a regression error as in Locatello et al. 2019.
    """
    from sklearn.ensemble import RandomForestClassifier

    codes, factors = _checked(codes, factors)
    moving = [j for j in range(factors.shape[1]) if len(np.unique(factors[:, j])) > 1]
    if len(codes) < FEWEST or not moving:
        raise ValueError(f"expected at least {FEWEST} codes and a factor that changes, got {len(codes)} codes")
    fit, test = np.array_split(np.random.default_rng(seed).permutation(len(codes)), 2)
    importance, right = np.zeros((trees, codes.shape[1], factors.shape[1])), []
    for j in moving:
        forest = RandomForestClassifier(trees, max_features=None, min_samples_leaf=5, random_state=seed % 2**32)
        forest.fit(codes[fit], factors[fit, j])
        importance[:, :, j] = [tree.feature_importances_ for tree in forest.estimators_]
        right.append(forest.predict(codes[test]) == factors[test, j])
    known = Estimate.mean_of(
        np.mean(right, axis=0), kind="unbiased", over="images", name="dci_informativeness", unit=""
    )
    by_tree = importance[:, :, moving]
    disentangled = _over_trees("dci_disentanglement", [_concentration(r) for r in (by_tree.mean(0), *by_tree)])
    complete = _over_trees("dci_completeness", [_concentration(r.T) for r in (by_tree.mean(0), *by_tree)])
    return Dci(importance.mean(0), disentangled, complete, known)


def _over_trees(name: str, shares: list[float]) -> Estimate:
    """A share of the whole forest, the first, and as its error the standard deviation over single trees, the others."""
    whole, *trees = shares
    return Estimate(whole, float(np.std(trees, ddof=1)), len(trees), "unbiased", "trees", name, "")


def _concentration(importance: np.ndarray) -> float:
    """Mean of 1 - entropy / log(columns) over the rows, weighted by their sums; 0 without any importance."""
    total, columns = importance.sum(1), importance.shape[1]
    if columns == 1 or not total.any():
        return float(columns == 1)
    gaps = [1 - _entropy(row) / math.log(columns) for row in importance]  # of a row of zeros: 1, with weight 0
    return float(np.average(gaps, weights=total))


def factor_vae_score(
    codes: np.ndarray, factors: np.ndarray, seed: int, votes: int = 1600, images: int = 64
) -> Estimate:
    """How often the dimension that varies least tells which factor was held fixed, over random groups of images.

    A vote: choose a factor k and one of its values, take `images` images with this value, and let d be the dimension
    with the least variance relative to that over all images. One half of the votes finds the most frequent k for each
    d; the score is the accuracy of this rule on the other half: 1 for a perfect code, about 1/F for noise.
    Args: codes (N, D); factors (N, F) integers. Values with one image only, and constant dimensions, take no part.
    Error: binomial, over the votes; all use the same N images.   Raises: ValueError as dci.
    Source: Kim & Mnih 2018, section 4.
    """
    codes, factors = _checked(codes, factors)
    rng, scale = np.random.default_rng(seed), codes.var(0)
    groups = [_groups(column) for column in factors.T]
    moving = [j for j, members in enumerate(groups) if len(members) > 1]
    if len(codes) < FEWEST or not moving or not scale.any():
        raise ValueError(f"expected at least {FEWEST} codes that differ and a factor that changes")
    counts = np.zeros((2, codes.shape[1], factors.shape[1]))
    for vote in range(votes):
        factor = rng.choice(moving)
        members = groups[factor][rng.integers(len(groups[factor]))]
        picked = codes[rng.choice(members, min(images, len(members)), replace=False)]
        relative = np.divide(picked.var(0), scale, out=np.full(len(scale), np.inf), where=scale > 0)
        counts[vote % 2, relative.argmin(), factor] += 1
    right = np.take_along_axis(counts[1], counts[0].argmax(1)[:, None], axis=1).sum()
    return _share(int(right), int(counts[1].sum()), "votes", "factor_vae_score")


def _groups(factor: np.ndarray) -> list[np.ndarray]:
    """Positions of the images of each value that at least two images have."""
    groups = (np.flatnonzero(factor == value) for value in np.unique(factor))
    return [members for members in groups if len(members) > 1]


def probe_problem(labels: np.ndarray | None) -> str | None:
    """Why codes with these labels cannot be probed for their class, in one sentence; None if they can."""
    known = np.zeros(0) if labels is None else np.asarray(labels)[np.asarray(labels) >= 0]
    if len(known) == 0:
        return "The images have no classes."
    sizes = np.unique(known, return_counts=True)[1]
    if len(sizes) == 1:
        return "All images are of one class."
    return None if (sizes > 1).sum() > 1 else "A probe needs two classes with at least two images each."


def balanced_split(labels: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions of images to fit to and of the others; labels below 0 in none.

    To fit to: `share` of each class rounded down, but one image of every class that has two.
    """
    rng, labels = np.random.default_rng(seed), np.asarray(labels)
    fit, rest = [], []
    for value in np.unique(labels[labels >= 0]):
        members = rng.permutation(np.flatnonzero(labels == value))
        cut = max(int(len(members) * share), min(1, len(members) - 1))
        fit.append(members[:cut])
        rest.append(members[cut:])
    return rng.permutation(np.concatenate(fit)), rng.permutation(np.concatenate(rest))


def probes(
    fit_codes: np.ndarray, fit_labels: np.ndarray, codes: np.ndarray, labels: np.ndarray, neighbours: int = 10
) -> list[Estimate]:
    """Accuracy of two classifiers of codes, fitted to the first and counted on the second: linear, nearest neighbours.

    "linear_probe": multinomial logistic regression (L2 penalty 1) on standardised codes. "nearest_neighbours": the
    majority among the 10 nearest codes by Euclidean distance in the latent space as it is.
    Args: codes (N, D), labels (N,) integers.   Error: binomial, over the images of the second set.
    Raises: ValueError if codes to fit to are of one class only (probe_problem tells beforehand) or not finite.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    models = {
        "linear_probe": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        "nearest_neighbours": KNeighborsClassifier(min(neighbours, len(fit_codes))),
    }
    guesses = {name: model.fit(fit_codes, fit_labels).predict(codes) for name, model in models.items()}
    return [_share(int((guess == labels).sum()), len(labels), "images", name) for name, guess in guesses.items()]


def _share(right: int, count: int, over: str, name: str) -> Estimate:
    """A relative frequency with its binomial standard error sqrt(p (1 - p) / n).

    In the error p = (right + 1) / (n + 2): none of n, or all of them, is no certainty.
    """
    likely = (right + 1) / (count + 2)
    return Estimate(right / count, math.sqrt(likely * (1 - likely) / count), count, "unbiased", over, name, "")


def _checked(codes: np.ndarray, factors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    codes, factors = np.asarray(codes, np.float64), np.asarray(factors)
    if codes.ndim != 2 or factors.ndim != 2 or len(codes) != len(factors) or codes.size == 0 or factors.size == 0:
        raise ValueError(
            f"expected codes (N, D) and factors (N, F) of the same N, got {codes.shape} and {factors.shape}"
        )
    if not np.isfinite(codes).all():
        raise ValueError("expected finite codes, got some that are not a number")
    return codes, factors


def _bin(values: np.ndarray, bins: int) -> np.ndarray:
    """The position 0..bins-1 of each value between the least and the greatest; the greatest is in the last bin."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        return np.zeros(len(values), np.int64)
    return np.minimum(((values - low) / (high - low) * bins).astype(np.int64), bins - 1)


def _shared(factor: np.ndarray, binned: np.ndarray) -> float:
    """I(factor; binned) / H(factor), or 0 for a factor that never changes."""
    _, values = np.unique(factor, return_inverse=True)
    joint = np.zeros((values.max() + 1, binned.max() + 1))
    np.add.at(joint, (values, binned), 1)
    entropy = _entropy(joint.sum(axis=1))
    information = entropy + _entropy(joint.sum(axis=0)) - _entropy(joint.ravel())
    return max(information / entropy, 0.0) if entropy > 0 else 0.0


def _entropy(counts: np.ndarray) -> float:
    """Entropy in nats of the distribution with these counts."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())
