"""The names under which a program declares what it can do."""

# each name, and the kind of its values
KINDS = {
    "activations": "names",
    "outputs": "names",
    "losses": "names",
    "optimizers": "names",
    "settings": "names",
    "sizes": "integers",
    "batch": "integer",
    "bias": "flag",
    "same_hidden": "flag",
    "dtype": "dtype",
    "layout": "name",
    "samples": "name",
    "slope": "number",
    "targets": "name",
    "conventions": "names",
}
EMPTY = ("settings", "conventions")  # what may be declared to be none
# whose values are names out of a list, but for the conventions, which are many
CHOSEN = [
    name
    for name, kind in KINDS.items()
    if kind in ("names", "name", "dtype") and name != "conventions"
]
