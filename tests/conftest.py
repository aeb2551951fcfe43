"""Settings of every test: no window is opened, and hypothesis draws the same shapes each time."""

import os

from hypothesis import settings

os.environ["MPLBACKEND"] = "Agg"

settings.register_profile("minunet", deadline=None, derandomize=True, max_examples=25)
settings.load_profile("minunet")

# A helper, not a test; collected for doctests it would fail where PyTorch is not installed.
collect_ignore = ["torch_unet.py"]
