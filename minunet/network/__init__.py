"""The network of Figure 1: its graph, its numbers, its sizes, its first weights, its device.

| file                | what it is                                                              |
|---------------------|-------------------------------------------------------------------------|
| `unet.py`           | the graph, written out twice: forward, and backward as its mirror image |
| `architecture.py`   | five numbers, and the shape of every parameter that follows from them   |
| `sizes.py`          | valid tiles, the margin, Figure 1 as a table                            |
| `initialization.py` | the first weights                                                       |
| `network.py`        | a network ready to run: an architecture with its parameters             |
| `device.py`         | NumPy or CuPy: the one file that knows about CuPy                       |
"""

from minunet.network import device, initialization, sizes, unet
from minunet.network.architecture import Architecture
from minunet.network.network import Network

__all__ = ["Architecture", "Network", "device", "initialization", "sizes", "unet"]
