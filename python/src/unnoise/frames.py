"""The frames of a run as arrays, and how they come together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

PARTS = ("x", "denoised", "picture")


@dataclass(frozen=True, eq=False)
class Frames:
    """All frames of a run, frame 0 first: pure noise, or the noised picture that was started from.

    Arrays are float32 [steps + 1, height, width], with the channels as a fourth axis where there are several.
    A clean picture lies in [-1, 1].
    """

    #: The noisy picture; a latent of the model `text`.
    x: np.ndarray
    #: The network's estimate of the clean picture, made in the same step; not a number in frame 0, where it has not been asked.
    denoised: np.ndarray
    #: The amount of noise left in each `x`, float64 [steps + 1].
    sigma: np.ndarray
    #: Network calls so far, [steps + 1].
    nfe: np.ndarray
    #: Of the model `text`, `denoised` in colours, [steps + 1, 64, 64, 3]; not a number where it was not decoded. None of the others.
    picture: np.ndarray | None
    #: The settings in full, by the names that the JavaScript library has for them.
    settings: dict[str, Any]

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        return f"<unnoise.Frames: {len(self)} of {' × '.join(map(str, self.x.shape[1:]))}>"


class Gathering:
    """The frames of a run on their way: some front ends send them in another order than they were made in."""

    def __init__(self) -> None:
        self._frames: dict[int, dict[str, Any]] = {}
        self._end: dict[str, Any] | None = None

    def add(self, content: dict[str, Any], buffers: list[Any]) -> None:
        """Takes a message of the kind `frame`, with the parts that it names."""
        parts = {
            part["name"]: np.frombuffer(buffer, "<f4").reshape(part["shape"])
            for part, buffer in zip(content["parts"], buffers, strict=True)
        }
        self._frames[content["step"]] = {**content, **parts}

    def end(self, content: dict[str, Any]) -> None:
        """Takes the message of the kind `end`."""
        self._end = content

    @property
    def asked(self) -> int | None:
        """How often Python had asked when the run began, once it has ended and all of it has come."""
        whole = self._end is not None and len(self._frames) == self._end["count"]
        return self._end["asked"] if whole else None

    def frames(self) -> Frames:
        """All of it."""
        frames = [self._frames[step] for step in sorted(self._frames)]
        return Frames(
            **{name: self._stack(name, frames) for name in PARTS},
            sigma=np.array([frame["sigma"] for frame in frames], np.float64),
            nfe=np.array([frame["nfe"] for frame in frames]),
            settings=self._end["settings"],
        )

    @staticmethod
    def _stack(name: str, frames: list[dict[str, Any]]) -> np.ndarray | None:
        shape = next((frame[name].shape for frame in frames if name in frame), None)
        if shape is None:
            # Without any step there is no estimate, yet an array of them.
            return None if name == "picture" else Gathering._stack("x", frames) * np.nan
        nothing = np.full(shape, np.nan, np.float32)
        stacked = np.stack([frame.get(name, nothing) for frame in frames]).astype(np.float32)
        return stacked[..., 0] if shape[-1] == 1 else stacked
