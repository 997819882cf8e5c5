"""What the demonstration of gradient estimators says: its story, what to notice, and the names of its figures."""

from __future__ import annotations

_FOG = (
    "Training is a walk uphill in fog. At each step the model asks for the way: it rolls dice, looks where that leads, "
    "and gets a guess of the direction. Every kind of guess used here is right on average. But how far off is one?"
)
_RUNNERS = (
    "Five runners start at the same place with the same pictures of digits. The first uses the reparametrization "
    "trick: it follows the slope along which the dice moved the code. The second does so, too, and asks many times "
    "before each step. The other three see only the score that a throw gets."
)
STORY = (_FOG, _RUNNERS)

_ARROWS = "Each arrow is one guess; straight up is the true way. Arrows that point down lead away from it."
_ONE = (
    "Asking ten times makes each step hardly better, and costs ten times as much. Switch the chart to pictures "
    "decoded: at equal cost one sample wins by far."
)
_SCORE = (
    "The bare score is right on average as well, and useless here: what it multiplies, log p(x|z), is a large number "
    "that has nothing to do with the way. Taking off its usual value (a baseline) helps a great deal."
)
NOTICE = (_ARROWS, _ONE, _SCORE)

SOURCE = (
    "Kingma & Welling 2014 (the trick, and one draw for each picture); Williams 1992; Kool et al. 2019 (two draws "
    "compared); “Latent Variable Models”, section “Stochastic Gradient Estimators”"
)
FIRST_WORDS = "Five runners wait for the start. Up is the true way."
LAST_WORDS = (
    "One draw along the slope was enough. Guesses from the score alone scatter so much more that as many steps lead "
    "less far, and without a baseline hardly anywhere."
)

TITLES = {
    "elbo_pathwise": "Bound after training: the trick, one draw",
    "elbo_pathwise_many": "The trick, many draws",
    "elbo_leave_one_out": "Score function, two draws compared",
    "elbo_mean_baseline": "Score function less its usual value",
    "elbo_bare": "Bare score function",
    "lead_pathwise_many": "One draw against many, after as many steps",
    "lead_leave_one_out": "One draw of the trick against two draws compared",
    "lead_mean_baseline": "… against the score function less its usual value",
    "lead_bare": "… against the bare score function",
    "lead_at_equal_cost": "One draw against many, after as many pictures decoded",
    "variance_pathwise_many": "How much many draws scatter, against one",
    "variance_leave_one_out": "… two draws compared",
    "variance_mean_baseline": "… the score function less its usual value",
    "variance_bare": "… the bare score function",
}
WORDS = {
    "elbo_pathwise": "Mean over the test images; a lower bound of log p(x), the higher the better.",
    "lead_pathwise_many": "Below zero: many draws are a little better, at many times the cost.",
    "lead_leave_one_out": "Above zero: the trick is ahead.",
    "lead_at_equal_cost": "Above zero: one draw is ahead.",
    "variance_pathwise_many": "Variance of a guess, by all weights of the encoder, over that of the trick's one draw.",
}
