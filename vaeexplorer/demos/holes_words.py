"""What the demonstration of holes says: its story, what to notice, and the names of its figures."""

from __future__ import annotations

_MAP = (
    "The model gives every picture a place on a map: its code, two numbers. Afterwards one wants to use the map the "
    "other way round: throw a dart, and let the decoder, the half of the model that draws, paint what is there."
)
_DARTS = (
    "The darts follow the prior, the model's own dice: most land near the middle, inside the dashed circles. But "
    "did the pictures settle where the darts land? Three models learn the same handwritten digits side by side. They "
    "differ in β alone, the price that they pay for a precise place."
)
STORY = (_MAP, _DARTS)

_HOLES = (
    "Purple is where codes of real pictures lie. A red area is a hole: darts land there, codes do not. What it "
    "shows there the decoder was never taught."
)
_PRICES = (
    "Cheap places (left): a crisp map with holes in it. Dear ones (right): no hole at all, and every dart brings back "
    "the same grey average. The middle, β = 1, is the bound on log p(x) itself."
)
_SPLIT = (
    "The bar: the cost of the code in nats (a unit of information, 1.44 bits) has two parts: what it tells of the "
    "picture, and what the holes cost."
)
NOTICE = (_HOLES, _PRICES, _SPLIT)

SOURCE = (
    "Hoffman & Johnson 2016 (the split of the KL); “Variational Autoencoders” (2023): not its “implied” q(x) but "
    "q(z), the aggregate posterior, is looked at"
)
FIRST_WORDS = "Nine darts, thrown by the prior. No picture is on the map yet."
LAST_WORDS = (
    "A cheap code leaves holes, and darts that land there bring back what nobody taught. A dear one closes them, until "
    "at the highest price every place shows the same. Move over a map to see what lies there."
)

TITLES = {
    "kl": "What the code costs at β = {:g}: E KL(q(z|x) || p)",
    "information": "… of it, what the code tells of the picture: I(x; z)",
    "marginal": "… and what the holes cost: KL(q(z) || p)",
    "hole_share": "Throws of the prior that land in a hole, at β = {:g}",
    "strangeness": "How much further from every real picture holes are than other places, at β = {:g}",
}
WORDS = {
    "kl": "Mean over the training images, each in closed form.",
    "information": "Knowing z, one knows by so many nats which of these images it was; log 1437 = 7.27 at most.",
    "marginal": "How far all codes together are from the prior.",
    "hole_share": "There the codes of these images are ten times rarer than the prior has it, or rarer still.",
    "strangeness": "Zero if holes did no harm.",
}
