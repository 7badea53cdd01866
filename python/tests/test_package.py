"""What whoever installs the package gets."""

import email
import pathlib
import re
import tarfile
import unittest
import zipfile

import unnoise

ROOT = pathlib.Path(__file__).parents[2]
#: The most that PyPI takes of a file is 100 MB.
LARGEST = 20_000_000


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        [cls.wheel] = (ROOT / "python/dist").glob("*.whl")
        [cls.source] = (ROOT / "python/dist").glob("*.tar.gz")

    def test_the_wheel_holds_the_modules_the_web_files_and_the_licences(self):
        with zipfile.ZipFile(self.wheel) as wheel:
            self.assertIsNone(wheel.testzip())
            names = set(wheel.namelist())
            meta = email.message_from_bytes(wheel.read(next(name for name in names if name.endswith("METADATA"))))
        self.assertLessEqual({f"unnoise/{name}" for name in ("__init__.py", "player.py", "frames.py", "static/widget.js", "static/widget.css", "static/worker.js.gz")}, names)
        self.assertEqual({name.split("/")[0] for name in names}, {"unnoise", f"unnoise-{unnoise.__version__}.dist-info"})
        for licence in ("LICENSE-MIT", "LICENSE-APACHE"):
            self.assertTrue(any(name.endswith(licence) for name in names), licence)
        self.assertEqual((meta["Name"], meta["Version"], meta["License-Expression"]), ("unnoise", unnoise.__version__, "MIT OR Apache-2.0"))
        self.assertIn("await p.run()", meta.get_payload())
        self.assertRegex(self.wheel.name, "-py3-none-any.whl$")
        self.assertLess(self.wheel.stat().st_size, LARGEST)

    def test_the_source_distribution_makes_the_same(self):
        with tarfile.open(self.source) as source, zipfile.ZipFile(self.wheel) as wheel:
            inner = {name.split("/src/")[1] for name in source.getnames() if "/src/" in name and source.getmember(name).isfile()}
            self.assertEqual(inner, {name for name in wheel.namelist() if not name.split("/")[0].endswith(".dist-info")})

    def test_it_is_of_the_crates_version(self):
        [version] = re.findall(r'^version = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.M)
        self.assertEqual(unnoise.__version__, version)
