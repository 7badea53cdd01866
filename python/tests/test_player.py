"""The player without a browser: what the front end would say is said here."""

import asyncio
import gzip
import hashlib
import json
import threading
import unittest
import warnings

import numpy as np
import traitlets
import unnoise

SHAPE = [28, 28, 1]


def unaligned(array):
    """The bytes of an array from a place on where no float may begin."""
    return memoryview(b"-" + np.asarray(array, "<f4").tobytes())[1:]


class Said:
    """A player, and what it says to its front end."""

    def __init__(self, **settings):
        self.player = unnoise.Player(**settings)
        self.sent = []
        self.player.send = lambda content, buffers=None: self.sent.append((content, buffers))

    def hear(self, content, buffers=()):
        self.player._handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": list(buffers)})

    def frame(self, step, run="a", **parts):
        names = [{"name": name, "shape": list(np.shape(value))} for name, value in parts.items()]
        self.hear({"kind": "frame", "run": run, "step": step, "sigma": 2.0 - step, "nfe": 2 * step, "parts": names}, map(unaligned, parts.values()))

    def end(self, count, run="a", asked=0):
        self.hear({"kind": "end", "run": run, "asked": asked, "count": count, "settings": {"digit": 3}})

    def run(self, run="a", asked=0, value=0.5):
        self.frame(0, run, x=np.full(SHAPE, value))
        self.frame(1, run, x=np.full(SHAPE, value), denoised=np.full(SHAPE, value))
        self.end(2, run, asked)


class Settings(unittest.TestCase):
    def test_what_numpy_calls_a_number_is_one(self):
        player = unnoise.Player(digit=np.int64(3), guidance=np.float32(1.5), guidance_interval=np.array([0.25, 5]), seed=np.uint8(7))
        state = player.get_state()
        self.assertEqual(json.loads(json.dumps([state[name] for name in ("digit", "guidance", "guidance_interval", "seed")])), [3, 1.5, [0.25, 5], 7])

    def test_what_is_no_setting_is_refused(self):
        with self.assertRaisesRegex(TypeError, 'There is no setting "digits": choose from decode, digit, '):
            unnoise.Player(digits=3)

    def test_what_no_front_end_can_be_told_is_refused(self):
        player = unnoise.Player(guidance=2)
        for value, sentence in [(float("nan"), "guidance is nan: it must be a finite number"), (object(), "guidance is of the type object")]:
            with self.assertRaisesRegex(traitlets.TraitError, sentence):
                player.guidance = value
        with self.assertRaisesRegex(traitlets.TraitError, "x is of the type object: it must be an array of numbers"):
            player.x = object()
        self.assertEqual(player.guidance, 2)

    def test_a_picture_travels_as_bytes(self):
        picture = np.linspace(-1, 1, 784).reshape(28, 28)
        player = unnoise.Player(x=picture, sigma=1)
        self.assertEqual(bytes(player.get_state()["x"]), picture.astype("<f4").tobytes())
        player.x = picture[::-1]
        self.assertEqual(bytes(player.get_state()["x"]), picture[::-1].astype("<f4").tobytes())
        player.x = None
        self.assertIsNone(player.get_state()["x"])

    def test_the_front_end_is_told_which_are_settings(self):
        self.assertIn("guidance_interval", unnoise.Player().get_state()["names"])
        self.assertNotIn("error", unnoise.Player().get_state()["names"])


class Frames(unittest.TestCase):
    def test_frames_come_in_any_order(self):
        said = Said()
        rng = np.random.default_rng(1)
        x, denoised = rng.normal(size=(2, 3, *SHAPE)).astype(np.float32)
        seen = []
        said.player.observe(lambda change: seen.append(change["new"]), "frames")
        said.end(3)
        for step in (2, 0, 1):
            self.assertIsNone(said.player.frames)
            said.frame(step, x=x[step], **({"denoised": denoised[step]} if step else {}))
        frames = said.player.frames
        self.assertIs(seen[0], frames)
        self.assertEqual((frames.x.dtype, frames.x.shape, frames.denoised.shape, len(frames)), (np.float32, (3, 28, 28), (3, 28, 28), 3))
        np.testing.assert_array_equal(frames.x, x[..., 0])
        np.testing.assert_array_equal(frames.denoised[1:], denoised[1:, ..., 0])
        self.assertTrue(np.isnan(frames.denoised[0]).all())
        np.testing.assert_array_equal(frames.sigma, [2, 1, 0])
        np.testing.assert_array_equal(frames.nfe, [0, 2, 4])
        self.assertIsNone(frames.picture)
        self.assertEqual(frames.settings, {"digit": 3})
        self.assertTrue(frames.x.flags.writeable and frames.x.flags.aligned)
        self.assertEqual(said.sent, [({"kind": "kept", "run": "a"}, None)])

    def test_of_a_latent_there_are_pictures_where_it_was_decoded(self):
        said = Said()
        said.frame(0, x=np.ones([8, 8, 4]))
        said.frame(1, x=np.ones([8, 8, 4]), denoised=np.ones([8, 8, 4]))
        said.frame(2, x=np.ones([8, 8, 4]), denoised=np.ones([8, 8, 4]), picture=np.ones([64, 64, 3]))
        said.end(3)
        frames = said.player.frames
        self.assertEqual((frames.x.shape, frames.picture.shape), ((3, 8, 8, 4), (3, 64, 64, 3)))
        self.assertEqual([np.isnan(picture).all() for picture in frames.picture], [True, True, False])

    def test_runs_that_never_end_are_forgotten_and_the_last_frames_stay(self):
        said = Said()
        said.run()
        kept = said.player.frames
        for run in range(20):
            said.frame(0, str(run), x=np.zeros(SHAPE))
        self.assertIs(said.player.frames, kept)
        self.assertLessEqual(len(said.player._gatherings), 4)


class Run(unittest.IsolatedAsyncioTestCase):
    async def test_it_waits_for_the_run_that_was_asked_for(self):
        said = Said()
        run = asyncio.create_task(said.player.run())
        await asyncio.sleep(0)
        said.run("before", asked=0, value=0.25)
        await asyncio.sleep(0)
        self.assertFalse(run.done())
        # A kernel with a subshell hears in another thread.
        thread = threading.Thread(target=said.run, args=("after", 1, 0.75))
        thread.start()
        frames = await run
        thread.join()
        self.assertEqual(frames.x[0, 0, 0], 0.75)
        self.assertEqual(said.player._waiting, [])

    async def test_what_the_library_refuses_is_raised_with_its_sentence(self):
        said = Said(digit=12)
        run = asyncio.create_task(said.player.run())
        await asyncio.sleep(0)
        said.hear({"kind": "refused", "asked": 1, "sentence": "digit is 12: it must be a whole number from 0 to 9."})
        with self.assertRaisesRegex(unnoise.UnnoiseError, "^digit is 12: it must be"):
            await run

    async def test_where_nothing_comes_a_sentence_says_why(self):
        said = Said()
        with self.assertRaisesRegex(TimeoutError, "Nothing has come from the browser for 0.01 s"):
            await said.player.run(timeout=0.01)
        self.assertEqual(said.player._waiting, [])

    async def test_who_no_longer_waits_is_left_alone(self):
        said = Said()
        run = asyncio.create_task(said.player.run())
        await asyncio.sleep(0)
        run.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await run
        said.run(asked=1)
        self.assertEqual(len(said.player.frames), 2)


class Files(unittest.TestCase):
    def ask(self, name):
        said = Said()
        said.hear({"kind": "want", "file": name})
        [(content, buffers)] = said.sent
        return content, buffers

    def test_the_weights_are_those_of_the_manifest(self):
        manifest = json.loads(gzip.decompress(self.ask("weights/manifest.json")[1][0]))
        self.assertIn("unet", manifest["models"])
        for model in manifest["models"].values():
            content, [packed] = self.ask(f"weights/{model['file']}")
            self.assertNotIn("error", content)
            self.assertEqual(hashlib.sha256(gzip.decompress(packed)).hexdigest(), model["sha256"])

    def test_both_bundles_and_the_worker_are_there(self):
        for name in ("worker.js", "wasm/cpu/unnoise.js", "wasm/relaxed/unnoise.js"):
            self.assertIn(b"import", gzip.decompress(self.ask(name)[1][0]))
        for bundle in ("cpu", "relaxed"):
            self.assertEqual(gzip.decompress(self.ask(f"wasm/{bundle}/unnoise_bg.wasm")[1][0])[:4], b"\0asm")

    def test_nothing_else_is_handed_over(self):
        for name in ("../player.py", "/etc/passwd", "widget.js", "", "weights"):
            content, buffers = self.ask(name)
            self.assertEqual((content["error"], buffers), ("it is not among the files of the package", None))


# ipywidgets warns of what traitlets would refuse one day.
warnings.simplefilter("error")

if __name__ == "__main__":
    unittest.main()
