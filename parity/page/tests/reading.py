"""What stands on the page, read off its elements, and what refnet tells of the step."""

import re

from playwright.sync_api import expect

from refnet.equations import EQUATIONS
from refnet.explanation.parts import Grid, Line, Summary, Words

# an article of the page: its formulas, each line as it is and as it is seen, each array
STAGE = """(article) => {
  const all = (selector, read) => [...article.querySelectorAll(selector)].map(read);
  const heading = article.querySelector("h3");
  return {
    key: heading.dataset.key,
    title: heading.textContent,
    formulas: all(".formula > math", (math) => math.getAttribute("alttext")),
    sources: all(".formula .source", (source) => source.textContent.replaceAll(/[\\s()]/g, "")),
    meaning: all(":scope > .meaning", (words) => words.textContent).join(""),
    words: all(":scope > p:not(.meaning)", (words) => words.textContent.replaceAll(/[\\s()]/g, "")),
    lines: all(".line", (line) => line.dataset.plain),
    seen: all(".line", (line) => line.textContent.replaceAll(/\\s/g, "")),
    grids: all("table.grid tbody", (body) =>
      [...body.rows].map((row) => [...row.cells].map((cell) => cell.textContent))),
    summaries: all(".summary p", (summary) => summary.textContent.replaceAll(/\\s/g, "")),
  };
}"""


def stage(page):
    """The stage that is open."""
    return page.locator("#stage").evaluate(STAGE)


def stages(page):
    """All stages, from the part of the page that has the whole step."""
    whole = page.locator("#whole details")
    if whole.get_attribute("open") is None:
        whole.locator("summary").click()
    # what opens it tells the page so a moment later
    expect(page.locator("#stages article").last).to_be_attached()
    return page.evaluate(f"[...document.querySelectorAll('#stages article')].map({STAGE})")


def expected(explanation):
    """The same of what refnet tells."""
    return [
        told_in(section)
        for section in explanation.sections
        if section.label or section.title in UNLABELLED.values()
    ]


def check(page, explanation):
    """The page tells this step, stage by stage."""
    ours, theirs = stages(page), expected(explanation)
    assert [each["key"] for each in ours] == [each["key"] for each in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert one == (other | told_otherwise(one, other) if one["key"] == "given" else other)


def told_otherwise(one, other):
    """What is given is said in other words, and the state of an optimizer in the update
    alone.
    """
    grids = other["grids"][: len(one["grids"])]
    return {"words": one["words"], "lines": [], "seen": [], "grids": grids}


# the keys of the stages that are no equation, and how refnet calls them
UNLABELLED = {"given": "Given", "after": "The cost after the step"}


def told_in(section):
    """A section as `STAGE` reads it."""
    keys = {title: key for key, title in UNLABELLED.items()}
    key = keys.get(section.title, f"{section.label}{section.layer or ''}")
    title = f"{section.title}: the network and the data" if key == "given" else section.title
    lines = [part for part in section.parts if isinstance(part, Line)]
    plain = [f"{line.symbol} {line.relation} {' = '.join(line.sides)}" for line in lines]
    return {
        "key": key,
        "title": title,
        "formulas": [formula.plain for formula in section.formulas],
        "sources": [in_words(formula.source) for formula in section.formulas],
        "meaning": EQUATIONS[section.label].meaning if section.label else "",
        "words": [in_words(part.text) for part in section.parts if isinstance(part, Words)],
        "lines": plain,
        "seen": [seen(line) for line in plain],
        "grids": [[*map(list, part.rows)] for part in section.parts if isinstance(part, Grid)],
        "summaries": [summed_up(part) for part in section.parts if isinstance(part, Summary)],
    }


def in_words(text):
    """The characters of a sentence in which notation stands between dollar signs."""
    pieces = text.split("$")
    pieces[1::2] = map(seen, pieces[1::2])
    return re.sub(r"[\s()]", "", "".join(pieces))


# as a browser draws them
SIGNS = {"delta": "δ", "theta": "θ", "-": "\N{MINUS SIGN}", "*": "⋅", "'": "\N{PRIME}"}
TIMES = "\N{MULTIPLICATION SIGN}"


def seen(plain):
    """The characters of a line in plain notation where a browser draws it."""
    text = re.sub(r"\bd(\w[\w^]*)/d(\w[\w^,]*)", r"∂\1∂\2", plain)
    text = re.sub(r"([A-Za-z]+)\^(\d+)_([\d,]+)", r"\1\3\2", text)  # below, then above
    text = re.sub(r"(?<=\d)e([+-]\d+)", lambda power: f"⋅10{int(power[1])}", text)
    for there, here in SIGNS.items():
        text = text.replace(there, here)
    return re.sub(r"[\s_^]", "", text).replace(f"10{SIGNS['-']}", "10-")


def summed_up(part):
    """A large array in the page's words."""
    rows, columns, *_ = [*part.shape.strip("(),").split(", "), ""]
    size = f"{rows}{TIMES}{columns}" if columns else f"1{TIMES}{rows}"
    how = f"{seen(part.shapes)}gives" if part.shapes else ""
    entries = f"entriesfrom{seen(part.low)}to{seen(part.high)}"
    return f"{seen(part.symbol)}:{how}{size};norm{seen(part.norm)},{entries}"
