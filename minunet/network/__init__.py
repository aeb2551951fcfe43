"""The network of Figure 1: graph, architecture, sizes, initial weights, device.

| file                | what it is                                                              |
|---------------------|-------------------------------------------------------------------------|
| `unet.py`           | the graph, written out twice: forward, and backward as its mirror image |
| `architecture.py`   | depth, channels, variant, …, and the shape of every parameter           |
| `sizes.py`          | valid tiles, the margin, Figure 1 as a table                            |
| `initialization.py` | initial weights                                                         |
| `network.py`        | a network ready to run: an architecture with its parameters             |
| `device.py`         | NumPy or CuPy: the only file that imports CuPy                          |
"""

from minunet.network import device, initialization, sizes, unet
from minunet.network.architecture import Architecture
from minunet.network.network import Network

__all__ = ["Architecture", "Network", "device", "initialization", "sizes", "unet"]
