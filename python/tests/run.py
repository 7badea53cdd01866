"""Runs the tests beside it; the last line is "N passed, N failed", and the exit status tells the same."""

import pathlib
import sys
import unittest

result = unittest.TextTestRunner(verbosity=2).run(unittest.defaultTestLoader.discover(str(pathlib.Path(__file__).parent)))
failed = len(result.failures) + len(result.errors)
print(f"{result.testsRun - failed} passed, {failed} failed")
sys.exit(bool(failed) or not result.testsRun)
