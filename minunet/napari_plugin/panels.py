"""The two panels of the viewer: widgets, threads and messages. Other modules do the work.

When the user opens a panel, napari calls `segment_panel` or `train_panel`, and adds the widget that
it returns. Invalid input and errors of the operating system are shown as a notification of one
sentence. Any other error is a bug, which napari shows with its traceback.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from minunet import files, models
from minunet.data.object_size import PixelSize
from minunet.errors import InputError
from minunet.napari_plugin import layers, training
from minunet.napari_plugin.layers import LayerData, LayerSlices
from minunet.napari_plugin.segmenting import Progress, Show, result_layers, segment
from minunet.napari_plugin.training import MEANINGS, Plan, Training
from minunet.napari_plugin.writing import write_annotated
from minunet.prediction.model import load

if TYPE_CHECKING:
    from magicgui.widgets import Container

FILE, SCRATCH = "a file", "from scratch"
"""Choices for the model, besides the built-in ones."""


def segment_panel() -> "Container[Any]":
    """Make the panel Segment for the current viewer."""
    import napari

    return SegmentPanel(napari.current_viewer()).container


def train_panel() -> "Container[Any]":
    """Make the panel Train for the current viewer."""
    import napari

    return TrainPanel(napari.current_viewer()).container


class Panel:
    """Base class of both panels: an image layer, a model, a worker and its progress.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    choices: tuple[str, ...] = (*models.MODELS, FILE)

    def __init__(self, viewer: Any) -> None:
        from magicgui import widgets

        self.viewer, self.is_open = viewer, True
        self.worker: Any = None
        self.image = _choice("napari.layers.Image", "image")
        self.model = widgets.ComboBox(choices=self.choices, value="em", label="model")
        self.file = widgets.FileEdit(label="file", filter="*.npz", value=Path("best.npz"))
        self.pixel = widgets.FloatSpinBox(value=0, min=0, max=1e6, step=0.5, label="pixel (nm)")
        self.pixel.tooltip = "Size of a pixel in nanometres; 0: that of the layer, if it has units"
        self.start = widgets.PushButton(text="Start")
        self.stop = widgets.PushButton(text="Stop", enabled=False)
        self.bar = widgets.ProgressBar(value=0, max=1, label=" ")
        self.status = widgets.Label(value="")
        self.start.changed.connect(lambda: self.guarded(self.begin))
        self.stop.changed.connect(lambda: self.guarded(self.halt))
        self.model.changed.connect(self.offer_file)
        self.container: Container[Any] = widgets.Container(
            widgets=[
                *(self.image, self.model, self.file, self.pixel),
                *self.own_widgets(),
                *(self.start, self.stop, self.bar, self.status),
            ]
        )
        self.container.native.destroyed.connect(self.leave)
        self.offer_file()

    def own_widgets(self) -> list[Any]:
        """Make the widgets that only this panel has."""
        raise NotImplementedError

    def begin(self) -> None:
        """Start the worker."""
        raise NotImplementedError

    def halt(self) -> None:
        """Stop the worker after its current tile."""
        if self.worker:
            self.worker.quit()

    def leave(self) -> None:
        """Stop the worker because the panel was closed; its widgets no longer exist."""
        self.is_open = False
        with suppress(RuntimeError):  # the worker has been deleted, too
            self.halt()

    def offer_file(self) -> None:
        """Show the choice of a file only if the model is a file."""
        self.file.visible = self.model.value == FILE

    def chosen_model(self) -> str:
        """Return the name or path of the chosen model; an empty string means from scratch."""
        name = self.model.value
        return {FILE: str(self.file.value), SCRATCH: ""}.get(name, name)

    def pixel_size(self) -> PixelSize | None:
        """Return the pixel size in micrometres: the one entered, or else that of the layer."""
        if self.pixel.value:
            return (self.pixel.value / 1000, self.pixel.value / 1000)
        return layers.pixel_size(self.image.value.scale, self.image.value.units)

    def slices(self) -> LayerSlices:
        """Return the slices of the chosen image layer."""
        if self.image.value is None:
            raise InputError("there is no image; open one first")
        return LayerSlices(self.image.value.data, self.image.value.rgb)

    def place(self) -> dict[str, Any]:
        """Return the attributes that determine the position of the chosen image in the viewer."""
        return {name: getattr(self.image.value, name) for name in layers.PLACED}

    def launch(self, steps: Callable[[], Iterator[Any]]) -> None:
        """Run a generator in a thread: show the `Progress` it yields and the layers it returns."""
        from napari.qt.threading import create_worker

        self.busy(True)
        self.say("preparing")
        self.worker = create_worker(steps, _start_thread=False, _ignore_errors=True)
        self.worker.yielded.connect(self.while_open(self.show_progress))
        self.worker.returned.connect(self.while_open(self.show_result))
        self.worker.errored.connect(self.while_open(self.show_failure))
        self.worker.aborted.connect(self.while_open(lambda: self.say("stopped")))
        self.worker.finished.connect(self.while_open(lambda: self.busy(False)))
        self.worker.start()

    def while_open(self, slot: Callable[..., object]) -> Callable[..., None]:
        """Return a function that calls `slot`, but does nothing once the panel is closed."""

        def act(*found: Any) -> None:
            if self.is_open:
                slot(*found)

        return act

    def busy(self, working: bool) -> None:
        """Enable Start or Stop, so that only one worker runs at a time."""
        self.start.enabled, self.stop.enabled = not working, working
        if not working:
            self.bar.value, self.worker = 0, None

    def say(self, text: str) -> None:
        """Show a text below the bar."""
        self.status.value = text

    def show_progress(self, progress: Progress) -> None:
        """Show the progress of the worker."""
        self.bar.max, self.bar.value = max(progress.total, 1), progress.done
        of = f" {progress.done} of {progress.total}" if progress.total else ""
        self.say(progress.text + of)

    def show_result(self, found: list[LayerData]) -> list[Any]:
        """Add layers to the viewer; return them."""
        from napari.layers import Layer

        self.say("done")
        return [self.viewer.add_layer(Layer.create(*one)) for one in found]

    def show_failure(self, error: BaseException) -> None:
        """Show invalid input or an error of the operating system as one sentence."""
        from napari.utils.notifications import show_error

        self.say("failed")
        if not isinstance(error, InputError | OSError):
            raise error
        show_error(without_options(str(error)))

    def guarded(self, action: Callable[[], object]) -> None:
        """Call `action`, and show why it failed."""
        try:
            action()
        except (InputError, OSError) as error:
            self.show_failure(error)


def without_options(message: str) -> str:
    """Leave out the advice in a message that names options of a command, as panels have none.

    Examples
    --------
    >>> without_options("a tile of 196 pixels is too small for --shrink; pass --tile 204 or more")
    'a tile of 196 pixels is too small for shrink'
    """
    problem, *advice = message.split("; ")
    kept = [part for part in advice if "--" not in part]
    return "; ".join([problem.replace("--", ""), *kept])


class SegmentPanel(Panel):
    """Segment an image layer with a trained model."""

    def own_widgets(self) -> list[Any]:
        """Make the choice of the result to show."""
        from magicgui import widgets

        self.show = widgets.ComboBox(choices=get_args(Show), value="probability", label="show")
        return [self.show]

    def begin(self) -> None:
        """Segment the chosen image."""
        images, name, size = self.slices(), self.chosen_model(), self.pixel_size()
        show, title, place = self.show.value, self.image.value.name, self.place()

        def steps() -> Generator[Progress, None, list[LayerData]]:
            result = yield from segment(load(name), images, show, size)
            return result_layers(result, show, f"{title} {Path(name).stem}", place)

        self.launch(steps)


class TrainPanel(Panel):
    """Train a model on the annotated slices, then segment the image with it."""

    choices = (*models.MODELS, FILE, SCRATCH)

    def own_widgets(self) -> list[Any]:
        """Make the choices of annotations, time and folder, the Adopt button and the curve."""
        from magicgui import widgets
        from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
        from matplotlib.figure import Figure

        self.run: Training | None = None
        self.model.label = "start from"
        self.labels = _choice("napari.layers.Labels", "annotations")
        self.meaning = widgets.ComboBox(choices=list(MEANINGS), label="labels are")
        self.amount = widgets.FloatSpinBox(value=2, min=0.1, max=1e6, label="train for")
        self.unit = widgets.ComboBox(choices=["minutes", "steps"], label="unit")
        self.folder = widgets.FileEdit(
            mode="d", label="folder", value=training.unused_folder(Path.cwd() / "runs/napari")
        )
        self.result = _choice("napari.layers.Labels", "result")
        self.adopt = widgets.PushButton(text="Adopt this slice of the result")
        self.adopt.changed.connect(lambda: self.guarded(self.adopt_slice))
        self.figure = Figure(figsize=(3, 1.6), layout="constrained")
        self.canvas = FigureCanvasQTAgg(self.figure)
        self.canvas.setMinimumHeight(150)
        curve = widgets.Container(labels=False)
        curve.native.layout().addWidget(self.canvas)
        return [
            *(self.labels, self.meaning, self.amount, self.unit, self.folder),
            *(self.result, self.adopt, curve),
        ]

    def begin(self) -> None:
        """Write the annotated slices, train on them, and segment the image with the result."""
        images = self.slices()
        if self.labels.value is None:
            raise InputError("there are no annotations; add a labels layer and paint in it")
        size, title, place = self.pixel_size(), self.image.value.name, self.place()
        labels = np.array(layers.full_resolution(self.labels.value.data))  # the user may paint on
        self.run = None
        plan = Plan(self.chosen_model(), self.meaning.value, self.amount.value, self.unit.value)
        folder = Path(self.folder.value)

        def steps() -> Generator[Progress, None, list[LayerData]]:
            count = write_annotated(folder, images, labels, size)
            run = self.run = Training(folder, plan.options(count))
            best = yield from run.watch()
            model = load(best)
            values = model.settings.label_values
            result = yield from segment(model, images, plan.show, size, values)
            return result_layers(result, plan.show, f"{title} {folder.name}", place)

        self.launch(steps)

    def halt(self) -> None:
        """Stop training, and segment with the best model so far; a second click stops that, too."""
        if self.run and self.run.process.poll() is None:
            self.run.stop()
        else:
            super().halt()

    def show_progress(self, progress: Progress) -> None:
        """Show the progress and the learning curve."""
        super().show_progress(progress)
        if self.run and progress.text != "segmenting":
            self.draw(self.run.rows())

    def busy(self, working: bool) -> None:
        """Offer an unused folder once the current one exists."""
        super().busy(working)
        if not working and files.is_taken(Path(self.folder.value)):
            self.folder.value = training.unused_folder(Path(self.folder.value))

    def draw(self, rows: list[dict[str, float]]) -> None:
        """Draw the learning curve."""
        steps, energies, checked, validated = training.curve(rows)
        self.figure.clear()
        axes = self.figure.add_subplot(xlabel="step", ylabel="energy")
        axes.plot(steps, energies, label="tiles")
        if len(checked):
            axes.plot(checked, validated, "o", label=self.run.checked_on if self.run else "")
            self.figure.legend(loc="outside upper center", ncols=2, frameon=False)
        self.canvas.draw_idle()

    def show_result(self, found: list[LayerData]) -> list[Any]:
        """Replace the last result, and let the next training start from the new model."""
        if self.result.value is not None and self.result.value is not self.labels.value:
            self.result.value.visible = False
        annotations = self.labels.value
        added = super().show_result(found)
        assert self.run is not None
        self.file.value, self.model.value = self.run.best(), FILE
        self.labels.value, self.result.value = annotations, added[0]
        self.viewer.layers.selection.active = annotations  # the brush must not paint the result
        return added

    def adopt_slice(self) -> None:
        """Copy the result of the current slice into the annotations, where nothing is painted."""
        result, annotations = self.result.value, self.labels.value
        if result is None or result is annotations:
            raise InputError("there is no result; train first, or choose another layer as result")
        # napari shows the nearest slice
        nearest = np.rint(annotations.world_to_data(self.viewer.dims.point)).astype(int)
        at = tuple(np.clip(nearest, 0, np.array(annotations.data.shape) - 1)[:-2])
        rows, columns = training.adopt(result.data[at], annotations.data[at], self.meaning.value)
        index = (*(np.full(rows.shape, k) for k in at), rows, columns)
        annotations.data_setitem(index, result.data[index])  # Ctrl-Z undoes this
        result.visible = False  # it would hide what is corrected
        self.viewer.layers.selection.active = annotations


def _choice(kind: str, label: str) -> Any:
    """Make a drop-down list of the layers of a type."""
    from magicgui.widgets import create_widget

    return create_widget(annotation=kind, label=label)
