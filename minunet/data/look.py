"""What a synthetic EM stack looks like: every parameter, in nanometres where it is a length.

`Look()` is that of the ISBI 2012 stack of a Drosophila ventral nerve cord with 4 x 4 x 50 nm voxels
(Cardona et al. 2010, doi:10.1371/journal.pbio.1000502); only its general statistics were used.
`varied` samples other looks, because laboratories differ in how they cut, stain and image.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from typing import Literal, get_args

import numpy as np

from minunet.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a stack looks like.

    Lengths are in nanometres. Stain is 0 in bare resin and 1 where it is black. The `_spread`s are
    standard deviations.
    """

    pixel: float = 4.0  # side of a pixel
    section: float = 50.0  # thickness; obliquely cut membranes are wide and pale in thick sections
    jump: float = 0.0  # probability of a gap in the tissue before a slice

    radius: float = 50.0  # median radius of neurites
    radius_spread: float = 0.5  # spread of the logarithm of the radius
    waviness: float = 1.0  # waviness of the outlines, relative to ISBI 2012
    cytoplasm: float = 0.26  # stain
    cytoplasm_spread: float = 0.05  # over the cells
    grain: float = 1.0  # texture of the cytoplasm, relative to ISBI 2012
    wash: float = 0.0  # fraction of the stain that is missing in pale patches of the cytoplasm
    dark_cells: float = 0.07  # fraction of the cells that are dark and grainy
    dark: float = 0.14  # stain added in these

    membrane: float = 11.6  # from its middle to where the stain is 1/e; bilayers and cleft
    bilayers: float = 0.56  # stain of an edge-on membrane
    synapse: float = 0.12  # stain that synapses add to it
    density: float = 0.0  # stain that synapses add to the cytoplasm beside them
    filled: float = 0.42  # oblique membranes darker than this are labelled whole; 1: edge-on
    glia: float = 0.0  # half the width of the dark sheets between cells, where they are widest
    myelin: float = 0.0  # fraction of the cells that have a sheath

    mitochondria: float = 1.0  # abundance, relative to ISBI 2012
    swelling: float = 1.0  # thickness of mitochondria, relative to ISBI 2012
    matrix: float = 0.60  # stain of mitochondria
    cristae: float = 0.10  # stain added and removed by their cristae
    rim: float = 0.13  # stain added by their outer membranes
    vacuoles: float = 0.0  # fraction of these organelles that are pale inside: rings
    vesicles: float = 1.0  # abundance of vesicles and cut microtubules, relative to ISBI 2012
    dense_cores: float = 0.0  # abundance of dark vesicles, relative to that of pale ones
    tubule: float = 0.15  # stain of microtubules along the section
    reticulum: float = 0.0  # stain of the endoplasmic reticulum

    resin: float = 210.0  # grey level of bare resin
    contrast: float = 1.0  # factor applied to all stain
    blur: float = 2.8  # standard deviation of the point spread function
    shot: float = 1.6  # noise as a multiple of the square root of the grey level
    light: float = 0.06  # relative spread of the brightness within a slice
    slice_spread: float = 0.07  # relative; brightness and contrast of whole slices

    folds: float = 0.0  # mean number per slice
    scratches: float = 0.0  # mean number per slice
    dust: float = 0.0  # mean number of grains of dirt per square micrometre


ISBI_2012 = Look()

LIMITS: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("pixel", "section"), (1, 500)),
    "radius": (40, 220),  # widths of tubes are clipped to this range, see `tissue`
    "membrane": (1, 500),
    "radius_spread": (0, 5),
    **dict.fromkeys(("jump", "wash", "dark_cells", "vacuoles", "myelin"), (0, 1)),
    **dict.fromkeys(("folds", "scratches", "dust"), (0, 100)),
}
"""Smallest and largest valid value; from 0 to 1000 for the other parameters."""


def check(look: Look) -> None:
    """Raise `InputError` if a value is not a number within its limits."""
    for name, value in asdict(look).items():
        least, most = LIMITS.get(name, (0, 1000))
        is_number = isinstance(value, float | int | np.number)
        if not is_number or not least <= value <= most:  # nan fails, too
            raise InputError(f"{name} of a look must be from {least} to {most}, got {value!r}")


Group = Literal["size", "cells", "membranes", "organelles", "microscope", "damage"]
"""Parameters that vary together in an ablation."""

RANGES: dict[Group, dict[str, tuple[float, float]]] = {
    "size": {
        "pixel": (2.4, 4.8),
        "section": (30, 70),
        "jump": (0, 0.3),
    },
    "cells": {
        "radius": (40, 75),
        "radius_spread": (0.4, 0.7),
        "waviness": (0.7, 1.4),
        "cytoplasm": (0.12, 0.32),
        "cytoplasm_spread": (0.02, 0.08),
        "grain": (0.6, 1.6),
        "wash": (-0.3, 0.6),
        "dark_cells": (0, 0.2),
        "dark": (0.05, 0.35),
    },
    "membranes": {
        "membrane": (9, 15),
        "bilayers": (0.42, 0.66),
        "synapse": (0.05, 0.25),
        "density": (0, 0.6),
        "filled": (0.4, 0.9),
        "glia": (-20, 25),
        "myelin": (-0.04, 0.03),
    },
    "organelles": {
        "mitochondria": (0.4, 1.8),
        "swelling": (0.7, 2),
        "matrix": (0.4, 0.7),
        "cristae": (0.05, 0.25),
        "rim": (0.08, 0.35),
        "vacuoles": (-0.2, 0.4),
        "vesicles": (0.3, 3),
        "dense_cores": (-0.05, 0.1),
        "tubule": (0.05, 0.35),
        "reticulum": (-0.1, 0.35),
    },
    "microscope": {
        "resin": (180, 225),
        "contrast": (0.85, 1.2),
        "blur": (1.5, 5),
        "shot": (0.6, 2.6),
        "light": (0.02, 0.1),
    },
    "damage": {
        "folds": (-0.3, 0.3),
        "scratches": (-0.5, 0.5),
        "dust": (-1, 1),
    },
}
"""Smallest and largest value of the parameters that vary. A value below 0 becomes 0, so a range
from -0.3 to 0.3 leaves half of the stacks without the feature."""


def varied(
    rng: np.random.Generator,
    groups: Collection[Group] = get_args(Group),
    usual: Look = ISBI_2012,
) -> Look:
    """Sample a look; parameters outside the groups have the values of `usual`.

    Parameters
    ----------
    rng : numpy.random.Generator     every range is sampled, whatever the groups, so looks from the
                                     same state have equal values in the groups that they share
    groups : collection of str       keys of `RANGES`
    usual : Look
    """
    values = {
        group: {name: max(rng.uniform(*limits), 0.0) for name, limits in of_group.items()}
        for group, of_group in RANGES.items()
    }
    chosen = {name: value for group in groups for name, value in values[group].items()}
    return replace(usual, **chosen)
