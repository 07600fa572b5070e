"""One BLAS thread, and hypothesis without a clock: the machine may be busy.

Every run draws the same examples, so that none fails by chance. To look for new ones:
HYPOTHESIS_PROFILE=explore python -m pytest.
"""

import os

# before NumPy is imported: two pools on two cores slow each other down
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from hypothesis import settings

settings.register_profile("default", deadline=None, derandomize=True, database=None)
settings.register_profile("explore", deadline=None, derandomize=False, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
