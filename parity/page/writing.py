"""The whole page: the examples of refnet's, with the mistakes and the bounds."""

from parity.page.bounds import scene_bounds
from parity.page.entries import SWITCHED, entries, script
from refnet.explanation.page import Mistakes, Scene, page_of
from refnet.explanation.page.examples import scenes

__all__ = ["SWITCHED", "examples", "page_text"]


def examples() -> list[Scene]:
    """The scenes to choose from, each with the allowed error of its numbers."""
    return [{**scene, "allowed": scene_bounds(scene)} for scene in scenes()]


def page_text(chosen: list[Scene]) -> str:
    """The text of the page with these scenes."""
    return page_of(chosen, Mistakes(entries(map(_sizes, chosen)), script()))


def _sizes(scene: Scene) -> tuple[int, ...]:
    first, *_ = layers = [layer["W"] for layer in scene["layers"]]
    return len(first[0]), *map(len, layers)
