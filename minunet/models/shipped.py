"""The models that come with minunet."""

from pathlib import Path

HERE = Path(__file__).parent

MODELS = {
    "em": "membranes in serial-section EM at about 4 nm per pixel; trained on synthetic EM only",
    "nuclei": "fluorescent nuclei, bright on dark; trained on images of the 2018 Data Science Bowl",
}
"""What each model finds, by its name."""


def find(model: str | Path) -> Path:
    """Return the file of a model.

    Parameters
    ----------
    model : str or Path     name in `MODELS`, or path of a checkpoint; a name always means the
                            built-in model, even if the working directory has a file of that name

    Examples
    --------
    >>> find("em").name, find("runs/em/best.npz").name
    ('em.npz', 'best.npz')
    """
    return HERE / f"{model}.npz" if str(model) in MODELS else Path(model)


def card(name: str) -> str:
    """Return the model card of a model, in Markdown."""
    return (HERE / f"{name}.md").read_text(encoding="utf-8")
