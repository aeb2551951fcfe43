"""Settings of every test: no window is opened, and hypothesis draws the same shapes each time."""

import os

from hypothesis import settings

os.environ["MPLBACKEND"] = "Agg"

settings.register_profile("minunet", deadline=None, derandomize=True, max_examples=25)
settings.load_profile("minunet")
