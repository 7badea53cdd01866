#!/usr/bin/env bash
# traitlets 5.16.1 with numpy 2.4.6: a trait Int takes every integer of numpy's, and a trait Float takes Python's own 3 and
# numpy's float64, but refuses numpy's float32 and its integers.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check traitlets==5.16.1 numpy==2.4.6
cat >look.py <<'PY'
import numpy as np
from traitlets import Float, HasTraits, Int, TraitError


class Settings(HasTraits):
    guidance = Float()
    steps = Int()


def takes(name, value):
    try:
        setattr(Settings(), name, value)
        return True
    except TraitError:
        return False


cases = [
    ("guidance", 3), ("guidance", np.float64(1.5)), ("guidance", np.float32(1.5)), ("guidance", np.int64(3)),
    ("steps", 3), ("steps", np.int64(3)), ("steps", np.int32(3)),
]
seen = [takes(name, value) for name, value in cases]
for (name, value), taken in zip(cases, seen):
    print(f"{type(value).__name__} as {'Float' if name == 'guidance' else 'Int'}: {'taken' if taken else 'refused'}")
assert seen == [True, True, False, False, True, True, True], seen
PY
venv/bin/python look.py
