"""Every embedding on codes whose picture is known, and on those that have none."""

import io
import threading

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from tests.test_embeddings_apart import alike
from vaeexplorer.embeddings import EMBEDDINGS, apart, embed, neighbours

QUICK = {"tsne": {"perplexity": 10, "iterations": 300}, "umap": {"neighbours": 8}}
CENTRES = np.random.default_rng(0).normal(size=(4, 6)) * 5
LABELS = np.arange(160) % 4
CLUSTERS = (CENTRES[LABELS] + 0.3 * np.random.default_rng(1).normal(size=(160, 6))).astype(np.float32)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("name", EMBEDDINGS)
def test_contract(name, dims):
    options = QUICK.get(name, {})
    found = embed(name, CLUSTERS, dims, options, seed=3)
    assert found.coordinates.shape == (160, dims)
    assert found.coordinates.dtype == np.float32
    assert np.isfinite(found.coordinates).all()
    assert len(found.axis_titles) == len(set(found.axis_titles)) == dims
    assert len(found.caution) > 80
    assert {"method": name, "dims": dims, "seed": 3, **options}.items() <= found.parameters.items()
    assert set(EMBEDDINGS[name].options) <= set(found.parameters)
    again = embed(name, CLUSTERS, dims, options, seed=3)
    assert again.coordinates.tobytes() == found.coordinates.tobytes()
    assert EMBEDDINGS[name].slow == (found.axes is None)
    if found.axes is not None:
        np.testing.assert_allclose(found.coordinates, (CLUSTERS - found.centre) @ found.axes.T, atol=1e-4)
        np.testing.assert_allclose(found.axes @ found.axes.T, np.eye(dims), atol=1e-9)


def test_umap_of_another_process_is_the_same_to_the_last_bit():
    """Here, where this process has compiled it already: that takes long."""
    alike(embed("umap", CLUSTERS, 2, QUICK["umap"]), apart.embed("umap", CLUSTERS, 2, QUICK["umap"]))


@pytest.mark.parametrize("name", ["tsne", "umap"])
def test_clusters_far_apart_stay_apart_and_the_seed_matters(name):
    found = embed(name, CLUSTERS, 2, QUICK[name])
    shown = KNeighborsClassifier(5).fit(found.coordinates[:80], LABELS[:80])
    assert shown.score(found.coordinates[80:], LABELS[80:]) == 1
    # t-SNE starts at the PCA, so without points left out its seed changes nothing.
    other = embed(name, CLUSTERS, 2, {**QUICK[name], "points": 100}, seed=1)
    assert other.coordinates.tobytes() != embed(name, CLUSTERS, 2, {**QUICK[name], "points": 100}).coordinates.tobytes()


def test_dimensions_are_the_chosen_columns():
    found = embed("dimensions", CLUSTERS, 3, {"first": 5, "second": 0})
    np.testing.assert_array_equal(found.coordinates, CLUSTERS[:, [5, 0, 2]])
    assert found.axis_titles == ("z6", "z1", "z3")
    with pytest.raises(ValueError, match="2 different dimensions from z1 to z6, got z7, z2"):
        embed("dimensions", CLUSTERS, 2, {"first": 6})
    with pytest.raises(ValueError, match="got z2, z2"):
        embed("dimensions", CLUSTERS, 2, {"first": 1})


def test_pca_of_a_known_ellipse_and_of_another_implementation():
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    corners = np.array([[3, 0, 0], [-3, 0, 0], [0, 2, 0], [0, -2, 0], [0, 0, 1], [0, 0, -1]])
    found = embed("pca", corners @ turn.T + 7, 2)
    np.testing.assert_allclose(found.shares, [9 / 14, 4 / 14], atol=1e-6)
    np.testing.assert_allclose(np.abs(found.coordinates), np.abs(corners[:, :2]), atol=1e-5)
    np.testing.assert_allclose(found.centre, 7, atol=1e-6)
    assert found.axis_titles[0] == "principal component 1 (64% of the variance)"
    assert "93% of the variance" in found.caution
    assert (found.axes[[0, 1], np.abs(found.axes).argmax(axis=1)] > 0).all()
    oracle = PCA(3).fit(CLUSTERS.astype(np.float64))
    found = embed("pca", CLUSTERS, 3)
    np.testing.assert_allclose(found.shares, oracle.explained_variance_ratio_, rtol=1e-5)
    np.testing.assert_allclose(np.abs(found.coordinates), np.abs(oracle.transform(CLUSTERS)), atol=1e-3)


def test_watching_tsne_does_not_change_it(monkeypatch):
    starts = []
    real = neighbours._start
    monkeypatch.setattr(neighbours, "_start", lambda *given: starts.append(real(*given)) or starts[0])
    codes = np.random.default_rng(0).normal(size=(120, 5)).astype(np.float32)
    found = embed("tsne", codes, 2, {"perplexity": 20, "iterations": 400}).coordinates
    shown = embed("pca", codes).coordinates
    np.testing.assert_allclose(starts[0], shown / shown[:, 0].std() * 1e-4, atol=1e-9)
    scaled = neighbours.spread_out(codes).astype(np.float32)
    with threadpool_limits(1, "openmp"):
        plain = TSNE(2, perplexity=20, max_iter=400, init=starts[0], random_state=0).fit_transform(scaled)
    assert plain.tobytes() == found.tobytes()


@pytest.mark.parametrize("name", ["tsne", "umap"])
def test_progress_moves_on_to_the_end_and_can_cancel(name):
    seen = []
    options = {**QUICK[name], "points": 100}
    embed(name, CLUSTERS, 2, options, progress=lambda fraction, text: seen.append((fraction, text)))
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert fractions[0] >= 0 and 0.9 <= fractions[-1] <= 1
    assert len(seen) > 100
    assert name == "umap" or len(set(seen)) == len(seen) == 302  # each of 300 steps once
    assert "placing point 0 of 60" in seen[-1][1]

    class Cancelled(Exception):
        pass

    def stop(fraction, text):
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        embed(name, CLUSTERS, 2, options, progress=stop)
    embed(name, CLUSTERS, 2, options)  # and the next one runs
    bar = threading.Thread(target=lambda: list(tqdm(range(2), file=io.StringIO())), daemon=True)
    bar.start()  # and no lock stays behind that other threads wait for
    bar.join(30)
    assert not bar.is_alive()


@pytest.mark.parametrize("name", ["tsne", "umap"])
def test_points_left_out_lie_beside_their_neighbours_and_the_caution_says_so(name):
    found = embed(name, CLUSTERS, 2, {**QUICK[name], "points": 100})
    assert "saw 100 of the 160 points" in found.caution
    assert "5 nearest" in found.caution
    shown = KNeighborsClassifier(3).fit(found.coordinates[:80], LABELS[:80])
    assert shown.score(found.coordinates[80:], LABELS[80:]) == 1
    assert "saw" not in embed(name, CLUSTERS, 2, {**QUICK[name], "points": 160}).caution


def test_the_place_beside_neighbours_by_hand():
    codes = np.array([[0.0], [1], [2], [3], [4], [100], [1.5], [2]])
    places = np.zeros((8, 2), np.float32)
    places[:6] = [[0, 0], [10, 0], [20, 0], [30, 0], [40, 0], [999, 999]]
    neighbours._beside(places, codes, np.arange(6), np.array([6, 7]), lambda *_: None)
    weights = 1 / np.array([1.5, 0.5, 0.5, 1.5, 2.5])
    assert places[6] == pytest.approx([weights @ [0, 10, 20, 30, 40] / weights.sum(), 0])
    assert places[7] == pytest.approx([20, 0])  # on the seen code that it equals


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_what_has_no_picture_is_refused_in_one_line(name):
    def refuses(codes, message, dims=2, **options):
        with pytest.raises(ValueError, match=message) as caught:
            embed(name, codes, dims, options)
        assert "\n" not in str(caught.value)

    broken = CLUSTERS.copy()
    broken[[3, 3, 8], [1, 2, 0]] = np.nan, np.inf, np.nan
    refuses(broken, "2 of 160 codes are not finite")
    refuses(np.zeros((0, 4)), r"got an array of shape \(0, 4\)")
    refuses(np.zeros(4), r"expected codes \(N, D\)")
    refuses(CLUSTERS, "2 or 3 dimensions, got 4", dims=4)
    refuses(CLUSTERS, "has no option 'magic'", magic=1)
    if name != "dimensions":
        refuses(CLUSTERS[:1], "at least .* points")
        refuses(np.full((40, 3), [0.1, 0.7, 9.3]), "all 40 codes are the same")
    if not EMBEDDINGS[name].slow:
        refuses(CLUSTERS[:, :1], "latent dimensions.* 1")


def test_options_out_of_range_say_what_is_allowed():
    for name, options, message in (
        ("tsne", {"perplexity": 160}, "perplexity 160 needs more points than that: 160 allow 159 at most"),
        ("tsne", {"perplexity": 30, "points": 20}, "20 allow 19 at most"),
        ("tsne", {"perplexity": 0.5}, "Perplexity must be a number from 1 to 500, got 0.5"),
        ("tsne", {"iterations": 300.5}, "Iterations must be a whole number from 250 to 5000, got 300.5"),
        ("umap", {"neighbours": 160}, "160 neighbours need more points than that: 160 allow 159 at most"),
        ("umap", {"min_dist": "far"}, "Least distance must be a number from 0 to 1, got 'far'"),
        ("dimensions", {"first": True}, "First dimension must be a whole number"),
    ):
        with pytest.raises(ValueError, match=message):
            embed(name, CLUSTERS, 2, options)
    with pytest.raises(ValueError, match="unknown embedding 'isomap': choose from dimensions, pca, tsne, umap"):
        embed("isomap", CLUSTERS)


@pytest.mark.parametrize("scale", [1e-30, 1e37])
def test_tiny_and_huge_codes_give_the_same_picture(scale):
    for name in ("pca", "tsne"):
        usual = embed(name, CLUSTERS, 2, QUICK.get(name)).coordinates
        found = embed(name, CLUSTERS.astype(np.float64) * scale, 2, QUICK.get(name)).coordinates
        assert np.isfinite(found).all()
        ratio = found.astype(np.float64).std(axis=0) / usual.std(axis=0)
        assert ratio[0] == pytest.approx(scale if name == "pca" else 1, rel=0.3)


def test_fewer_latent_dimensions_than_axes_and_few_points():
    assert embed("tsne", CLUSTERS[:, :1], 2, QUICK["tsne"]).coordinates.shape == (160, 2)
    assert embed("umap", CLUSTERS[:, :2], 3, QUICK["umap"]).coordinates.shape == (160, 3)
    assert embed("umap", CLUSTERS[:6], 3, {"neighbours": 2}).coordinates.shape == (6, 3)
    assert embed("tsne", CLUSTERS[:2], 2, {"perplexity": 1, "iterations": 250}).coordinates.shape == (2, 2)
