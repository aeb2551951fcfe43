"""Files of other programs: PyTorch, Hugging Face, Caffe, ONNX, bioimage.io.

    python -m minunet.export em -o em.onnx
    python -m minunet.convert em.safetensors -o em.npz

| file             | contents                                                              |
|------------------|-----------------------------------------------------------------------|
| `layers.py`      | find the architecture from the shapes of the parameters               |
| `tensors.py`     | read and write safetensors for PyTorch; a folder for Hugging Face     |
| `caffe.py`       | read a `.caffemodel`, such as the one the authors released in 2015    |
| `onnx_run.py`    | run an ONNX graph, and compare it with minunet                        |
| `onnx_graph.py`  | the network as an ONNX graph                                          |
| `bioimage.py`    | a bioimage.io package around the ONNX graph                           |
| `description.py` | what describes a model: licence, authors, training                    |

Only the commands `export` and `convert` import this room. `pip install '.[export]'` installs the
libraries that it needs.
"""
