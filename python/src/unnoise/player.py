"""The player in a cell: settings as traits, and the frames that come back."""

from __future__ import annotations

import asyncio
import math
import uuid
from importlib.resources import files
from typing import Any

import anywidget
import numpy as np
import traitlets

from .frames import Frames, Gathering

#: Put here when the package is built.
STATIC = files(__package__) / "static"
#: Runs that another one has taken the place of never end: so many are remembered.
MOST_UNDER_WAY = 4


class UnnoiseError(Exception):
    """What the library says when it refuses something, or cannot go on: a sentence."""


def _text(name: str) -> str:
    try:
        return (STATIC / name).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ImportError(
            f"unnoise was installed without its web files ({name} is missing): install a wheel that ./build.sh python has made."
        ) from error


def _plain(name: str, value: Any) -> Any:
    """A setting as JSON has it, whatever NumPy calls it."""
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if isinstance(value, (tuple, list)):
        return [_plain(name, each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise traitlets.TraitError(f"{name} is {value}: it must be a finite number.")
    if value is not None and not isinstance(value, (bool, int, float, str)):
        raise traitlets.TraitError(f"{name} is of the type {type(value).__name__}: it must be a number, a text or a list of numbers.")
    return value


class _Setting(traitlets.TraitType):
    """A setting of the library, which is the one to say what it takes. None is as suits the model."""

    allow_none = True
    default_value = None
    info_text = "what the library takes"

    def validate(self, obj: Any, value: Any) -> Any:
        return _plain(self.name, value)


class _Picture(traitlets.TraitType):
    """Numbers of a picture; they travel as bytes."""

    allow_none = True
    default_value = None
    info_text = "an array of numbers"

    def validate(self, obj: Any, value: Any) -> Any:
        try:
            return np.array(value, "<f4")
        except (TypeError, ValueError):
            raise traitlets.TraitError(f"{self.name} is of the type {type(value).__name__}: it must be an array of numbers.") from None


def _setting() -> Any:
    return _Setting().tag(sync=True, setting=True)


class Player(anywidget.AnyWidget):
    """A run from noise to picture, shown in a cell.

    Settings are those of the JavaScript library, each None where it is as suits the model: `digit` (None for any), `seed`,
    `steps`, `sampler`, `schedule`, `guidance`, `guidance_interval`, `negative`; `model`, `prompt` and `decode` for pictures
    from sentences; `eta`, `rate`, `momentum` and `shift` of some samplers; `x` and `sigma` to start from a picture, or, with
    the model `text`, from a latent. They can be changed at any time, which draws anew. What the library refuses is said by
    `error` and in the cell, and the frames of the last run that came to its end stay.
    """

    _esm = _text("widget.js")
    _css = _text("widget.css")

    model = _setting()
    digit = _setting()
    prompt = _setting()
    negative = _setting()
    seed = _setting()
    steps = _setting()
    sampler = _setting()
    schedule = _setting()
    guidance = _setting()
    guidance_interval = _setting()
    eta = _setting()
    rate = _setting()
    momentum = _setting()
    shift = _setting()
    decode = _setting()
    x = _Picture().tag(sync=True, setting=True, to_json=lambda value, _: None if value is None else memoryview(value.tobytes()))
    sigma = _setting()

    #: The frames of the last run that came to its end: `Frames`, or None before the first. It can be observed.
    frames = traitlets.Any(None, read_only=True)
    #: Why the last run was refused: a sentence, or nothing.
    error = traitlets.Unicode("").tag(sync=True)
    #: How many runs have ended, or were refused: what runs cells of marimo again.
    runs = traitlets.Int(0).tag(sync=True)

    # What the front end is told beside that: which traits are settings, how often `run` has asked, and which player this is.
    names = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)
    asked = traitlets.Int(0).tag(sync=True)
    key = traitlets.Unicode(read_only=True).tag(sync=True)

    def __init__(self, **settings: Any) -> None:
        names = list(self.trait_names(setting=True))
        for name in settings:
            if name not in names and name != "layout":
                raise TypeError(f'There is no setting "{name}": choose from {", ".join(names)}.')
        self._gatherings: dict[str, Gathering] = {}
        self._waiting: list[tuple[int, asyncio.AbstractEventLoop, asyncio.Future[Frames]]] = []
        self._heard = 0
        self.set_trait("names", names)
        self.set_trait("key", uuid.uuid4().hex)
        super().__init__(**settings)
        self.on_msg(self._hear)

    async def run(self, timeout: float = 60) -> Frames:
        """Draws anew with the settings as they are, and returns the frames.

        Raises `UnnoiseError` with the library's sentence where it refuses them, and `TimeoutError` where the browser has
        said nothing for `timeout` seconds.
        """
        if type(self.comm).__module__.partition(".")[0] == "marimo":
            raise UnnoiseError(
                "marimo hands on nothing from the browser while a cell runs: read `frames` in another cell, which runs again when they have come."
            )
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Frames] = loop.create_future()
        self.asked += 1
        waiting = (self.asked, loop, future)
        self._waiting.append(waiting)
        heard = None
        try:
            while not future.done():
                if heard == self._heard:
                    raise TimeoutError(
                        f"Nothing has come from the browser for {timeout:g} s. Is the notebook open in one? A kernel that takes no messages "
                        "while a cell runs (ipykernel before 7, or a notebook that asks for no subshells) has them when the cell has ended: "
                        "read `frames` in a later cell."
                    )
                heard = self._heard
                await asyncio.wait([future], timeout=timeout)
            return future.result()
        finally:
            self._waiting = [each for each in self._waiting if each is not waiting]

    # --- What the front end says: from a thread of its own where the kernel has one ---

    def _hear(self, _: Any, content: Any, buffers: list[Any]) -> None:
        self._heard += 1
        kind = content.get("kind") if isinstance(content, dict) else None
        if kind == "want":
            self._hand(content["file"])
        elif kind == "frame":
            self._gathering(content["run"]).add(content, buffers)
            self._keep(content["run"])
        elif kind == "end":
            self._gathering(content["run"]).end(content)
            self._keep(content["run"])
        elif kind == "refused":
            self._settle(content["asked"], UnnoiseError(content["sentence"]))

    def _hand(self, name: str) -> None:
        """Hands over a file of the library's."""
        there = {"/".join(parts): file for parts, file in _walk(STATIC)}
        file = there.get(f"{name}.gz")
        if file is None:
            self.send({"kind": "file", "file": name, "error": "it is not among the files of the package"})
        else:
            self.send({"kind": "file", "file": name}, [file.read_bytes()])

    def _gathering(self, run: str) -> Gathering:
        if run not in self._gatherings:
            while len(self._gatherings) >= MOST_UNDER_WAY:
                self._gatherings.pop(next(iter(self._gatherings)))
            self._gatherings[run] = Gathering()
        return self._gatherings[run]

    def _keep(self, run: str) -> None:
        asked = self._gatherings[run].asked
        if asked is None:
            return
        frames = self._gatherings.pop(run).frames()
        self.set_trait("frames", frames)
        self._settle(asked, frames)
        self.send({"kind": "kept", "run": run})

    def _settle(self, asked: int, outcome: Frames | UnnoiseError) -> None:
        """Ends the waiting of those who asked before the run began."""
        for number, loop, future in self._waiting:
            if number <= asked and not loop.is_closed():
                loop.call_soon_threadsafe(_resolve, future, outcome)


def _resolve(future: asyncio.Future[Frames], outcome: Frames | UnnoiseError) -> None:
    if future.done():  # settled already, or whoever waited has been interrupted
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


def _walk(folder: Any, above: tuple[str, ...] = ()) -> Any:
    """Every file in a folder, with the names that lead to it."""
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry, (*above, entry.name))
        else:
            yield (*above, entry.name), entry
