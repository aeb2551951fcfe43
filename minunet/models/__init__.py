"""Trained models that come with minunet, and how to find them by name.

    minunet.load("em")
    python -m minunet.predict em IMAGE.tif -o OUT
    python -m minunet.train --start-from em --data FOLDER
    python -m minunet.models

| file          | contents                                                    |
|---------------|-------------------------------------------------------------|
| `shipped.py`  | the names of the models, and where their files are          |
| `em.npz`      | membranes: parameters in float16, and the settings          |
| `em.md`       | card of this model: data, recipe, scores, where it fails    |
| `nuclei.npz`  | nuclei: parameters in float16, and the settings             |
| `nuclei.md`   | card of this model                                          |
| `__main__.py` | `python -m minunet.models` lists the models                 |
"""

from minunet.models.shipped import MODELS, find

__all__ = ["MODELS", "find"]
