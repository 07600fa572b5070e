"""Networks and trainings in files: safetensors, written and read with NumPy alone.

    fields      checks of what stands in a file
    layout      a header in JSON, and the numbers behind it
    networks    what a file says of a network
    trainings   what a file says of an optimizer and of a history
    saving      save: the whole file takes the place of the old one, or nothing does
    loading     load: all is checked before memory is taken, and nothing is executed

>>> import refnet, tempfile
>>> net = refnet.mlp([2, 3, 1], hidden="tanh", output="identity")
>>> with tempfile.TemporaryDirectory() as folder:
...     refnet.save(f"{folder}/net.safetensors", net)
...     again = refnet.load(f"{folder}/net.safetensors").net
>>> bool((again.parameters == net.parameters).all())
True
"""

from refnet.files.loading import Checkpoint, load
from refnet.files.saving import save

__all__ = ["Checkpoint", "load", "save"]
