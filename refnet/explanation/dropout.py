"""The section about a layer that drops some of its inputs."""

from refnet.checks import Array
from refnet.explanation.figures import product
from refnet.explanation.lines import Lines
from refnet.explanation.parts import Formula, Line, Section, Words

THROUGH_DROPOUT = Formula(
    "dC/da^l = (delta^(l+1) W^(l+1)) * m^(l+1)",
    "the first half of BP2: the chain rule through $z^(l+1)$ and through dropout, by the mask of "
    "the way forward",
)
DROPPED = (
    "In training with dropout a layer reads $a_prev^l$, in which some entries of $a^(l-1)$ are 0 "
    "and the others are divided by 1 - p; z and BP4 have it in the place of $a^(l-1)$."
)


def masked_input(story: Lines, l: int, mask: Array) -> Section:
    """a_prev: what is left of the a below."""
    a_prev = story.step.trace[l - 1].a_prev
    below = story.step.x if l == 1 else story.step.trace[l - 2].a
    lines = (
        Line(
            f"a_prev^{l}_{k + 1}",
            product(story.show(below[0, k]), story.show(mask[0, k])),
            story.show(a_prev[0, k]),
            chain=f"a^{l - 1}_{k + 1} * m^{l}_{k + 1}",
        )
        for k in range(mask.shape[1])
    )
    arrays = [story.array(f"m^{l}", mask), story.array(f"a_prev^{l}", a_prev)]
    p = story.show(story.step.net.layers[l - 1].dropout)
    words = Words(f"Layer {l} drops inputs with p = {p}. {DROPPED}")
    parts = story.in_numbers(l - 1, lines, 2 * mask.shape[1], arrays)
    return story.section("dropout", l, (words, *parts))
