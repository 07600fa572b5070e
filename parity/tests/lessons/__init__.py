"""What the scripts in examples/ show, as counted and read once by hand: a module for
each text, so that a script's expectations are found beside those of its neighbours.
"""

from parity.tests.lessons import (
    elgendy_descent,
    elgendy_layers,
    elgendy_perceptrons,
    khan,
    mlfromscratch,
    others,
    thomas,
)

TEXTS = (mlfromscratch, thomas, khan, elgendy_perceptrons, elgendy_layers, elgendy_descent, others)
FIGURES = {script: shown for text in TEXTS for script, shown in text.FIGURES.items()}
PICTURES = {script: names for text in TEXTS for script, names in text.PICTURES.items()}
