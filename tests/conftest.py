"""One BLAS thread, and hypothesis without a clock: the machine may be busy.

In CI every run draws the same examples.
"""

import os

# before NumPy is imported: two pools on two cores slow each other down
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from hypothesis import settings

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "default")
