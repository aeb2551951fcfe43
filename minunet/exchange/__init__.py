"""Files of other programs: PyTorch, Hugging Face, Caffe, ONNX, bioimage.io.

    python -m minunet.export em -o em.onnx
    python -m minunet.convert em.safetensors -o em.npz

| file             | contents                                                              |
|------------------|-----------------------------------------------------------------------|
| `layers.py`      | find the architecture that parameters of other programs belong to     |
| `tensors.py`     | safetensors for PyTorch, both ways; a folder for Hugging Face         |
| `caffe.py`       | the `.caffemodel` that the authors released in 2015, read             |
| `onnx_graph.py`  | the network as an ONNX graph                                          |
| `bioimage.py`    | a bioimage.io package around the ONNX graph                           |
| `description.py` | what goes along: licence, authors, training                           |

Nothing else in minunet imports this room. Its libraries are those of `pip install '.[export]'`.
"""
