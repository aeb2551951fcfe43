"""The network of Figure 1: its graph, architecture, sizes, initial weights and device.

| file                | contents                                                                |
|---------------------|-------------------------------------------------------------------------|
| `unet.py`           | the graph, written out twice: forward, and backward as its mirror image |
| `architecture.py`   | depth, channels, variant and so on; the shape of every parameter        |
| `sizes.py`          | valid tile sizes, the margin, and Figure 1 as a table                   |
| `initialization.py` | initial weights                                                         |
| `network.py`        | an architecture with its parameters, ready to run                       |
| `device.py`         | the choice of NumPy or CuPy; the only file that imports CuPy            |
"""

from minunet.network import device, initialization, sizes, unet
from minunet.network.architecture import Architecture
from minunet.network.network import Network

__all__ = ["Architecture", "Network", "device", "initialization", "sizes", "unet"]
