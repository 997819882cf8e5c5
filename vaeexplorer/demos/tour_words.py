"""What the first tour says. A term is explained where it first appears, and marked there as [kind|term].

kind is a colour of the pages' grammar (input, encoder, mu, sigma, noise, z, decoder, gap) or `term` for none. {name}
stands for a fact that the tour fills in. An empty line begins another paragraph.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


def line(text: str) -> str:
    """A text as one line."""
    return " ".join(text.split())


def paragraphs(text: str) -> tuple[str, ...]:
    """The paragraphs of a text, each as one line."""
    return tuple(line(part) for part in text.split("\n\n"))


@dataclass(frozen=True)
class Step:
    """words: what is said, paragraphs; task: what there is to try; links: page of the app, its name, what it does."""

    title: str
    words: tuple[str, ...]
    task: str
    links: tuple[tuple[str, str, str], ...]


STORY = paragraphs("""
You are shown a picture, and later you have to draw it again. In between you may keep only two numbers.

A program can learn this. Here is one that has, and you can try it out in five steps: what goes in, what is kept, why
chance has a hand in it, what it costs, and how far it is from the best.
""")

NOTICE = paragraphs("""
Drag things: in each step the program answers at once.

Each colour means one thing, here and on all other pages: pink is what goes in, blue what is kept, green what is
painted anew.

A word with a line under it is new, and is explained where it stands.
""")

OPENING = {"title": "One moment", "words": ["A small program that has learned digits is being fetched."]}

STEPS = (
    Step(
        title="What is compressed?",
        words=paragraphs("""
            This is a {digit} that somebody wrote. For a computer it is 64 small squares, its [input|pixels], each
            black or white.

            The [encoder|encoder] looks at the 64 pixels and answers with two numbers. The [decoder|decoder] is told
            these two numbers, nothing else, and paints the picture anew: grey where it is not sure.

            The two make up the [term|model]: a long calculation with {weights} adjustable numbers. In its
            [term|training], which is over, they were turned little by little until, for {images} written digits, what
            came out resembled what went in.
        """),
        task=line("""
            Click on pixels to change the picture, or press Snow. Of all pictures with 64 pixels nearly every one
            looks like snow, and for snow the two numbers do not suffice: the model gives you a digit all the same.
            Digits are few among so many, and that is why they can be kept in so little.
        """),
        links=(("explore", "Explore", "does this with larger pictures, too"),),
    ),
    Step(
        title="What is a code?",
        words=paragraphs("""
            The two numbers are the [z|code] of the picture, called z for short. Take them as a place on a map: so far
            to the right, so far up.

            Here is that map. At every place stands what the decoder paints there. Nobody drew it; it came out of the
            training. Its name is [z|latent space], the space of what is hidden: no picture comes with its code.

            Digits that look alike lie side by side, and on the way from one to another there are pictures that nobody
            has ever written. The coloured numerals are digits from outside the training, each where the encoder puts
            it.
        """),
        task=line("""
            Drag the blue point over the map and watch the picture follow. Where do twos turn into threes?
        """),
        links=(
            ("explore", "Explore", "has a slider for every number of a code, in models that keep up to 50"),
            ("map", "Map", "shows where thousands of pictures lie"),
        ),
    ),
    Step(
        title="What is noise for?",
        words=paragraphs("""
            In truth the encoder does not name a place, it names a cloud: its [mu|centre μ] (read: mu), and in each
            direction its [sigma|width σ] (sigma). The code is drawn from the cloud by chance. Half of all draws fall
            inside the inner line, nine tenths inside the outer one.

            To do that, dice are rolled: the [noise|noise] is a random number for each direction, two times out of
            three between −1 and 1, and the code is centre plus width times noise.

            What is that good for? The decoder has to be right wherever in the cloud the dice may fall. So places that
            are close together must look alike, and no picture can be learned by heart in a pinprick of its own.
            Without noise the map would be full of places that mean nothing.
        """),
        task=line("""
            Turn the noise off: every draw is the same. Turn it up to four times the width: the cloud now covers other
            digits as well, and the code no longer says which one was sent.
        """),
        links=(("reconstruct", "Reconstruct", "shows the cloud of a digit that you draw yourself"),),
    ),
    Step(
        title="What is the price?",
        words=paragraphs("""
            Send the picture over the telephone, by answers to yes-or-no questions. Pixel by pixel that takes 64
            answers, or 64 [term|bits]. Here the unit is the [term|nat], and 1 nat is 1.44 bits: so 44.4 nats.

            With the model you pay twice. First for the code: the narrower the cloud and the further from the middle
            of the map, the more it says and the more it costs. This is the [encoder|KL], short for Kullback–Leibler
            divergence: how far the cloud is from the [z|prior], the wide cloud around the middle (dashed) in which
            codes are expected before anything has been seen.

            Then for what the code leaves open: the less the decoder expects the true pixels, the more they cost, on
            average over the cloud. With a minus sign this is the [decoder|reconstruction]: the nearer to 0, the
            better.

            Training looks for the lowest sum of both prices. With a minus sign the sum is known as the [term|ELBO];
            the next step says what these letters mean.
        """),
        task=line("""
            Drag the cloud and change its width. Can you find a lower price than the encoder?
        """),
        links=(("train", "Train", "lets you watch both prices while a model learns"),),
    ),
    Step(
        title="What is the gap?",
        words=paragraphs("""
            Which codes could this picture have come from? The decoder itself knows: the green lines hold half and
            nine tenths of the [decoder|posterior], what can be known of the code after the picture has been seen.

            The encoder's cloud is only a stand-in for it: an oval that is never aslant, and found at a glance. Where
            the two differ you pay too much, and what you pay too much is [gap|the gap].

            Without it the price would be as low as this decoder allows: that is the [term|surprise], written −log
            p(x), where p(x) is the probability that the model gives to this picture, over all codes. So the ELBO
            always lies below log p(x), by the gap: it is the evidence lower bound, and evidence is another word for
            log p(x).
        """),
        task=line("""
            Drag the cloud over the green lines until the red piece is as short as you can get it. The surprise stays
            where it is, whatever you do. In training only the whole bar is seen: nobody is told how much of it is
            gap.
        """),
        links=(("bounds", "Bounds", "measures the gap of any model, with an error bar"),),
    ),
)
COUNT = len(STEPS)


def step(number: int, facts: Mapping[str, str]) -> dict[str, Any]:
    """Title, words, task and links of a step from 1 to COUNT, JSON-ready, the facts put in."""
    told = STEPS[number - 1]
    return {
        "title": told.title,
        "words": [paragraph.format_map(facts) for paragraph in told.words],
        "task": told.task,
        "links": [{"page": page, "name": name, "words": words} for page, name, words in told.links],
    }
