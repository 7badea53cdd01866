"""Handwritten digits out of pure noise, one visible step at a time, in a notebook.

    import unnoise

    p = unnoise.Player(digit=3, seed=7)
    p                   # the last line of a cell: the run is shown, to play, to step through and to scrub
    p.frames.x          # in a later cell: float32 [steps + 1, 28, 28]

The networks compute in the browser that shows the notebook, on one CPU thread; the kernel needs neither a GPU nor a network.
"""

from importlib.metadata import version

from .frames import Frames
from .player import Player, UnnoiseError

__all__ = ["Frames", "Player", "UnnoiseError"]
__version__ = version("unnoise")
