"""The U-Net of digits in plain PyTorch: it samples and trains with the weights of `unnoise`, and gives them back.

    pip install torch==2.9.0 numpy==2.4.6 safetensors==0.8.0 pillow==13.0.0
    unnoise export --float                                                  # float/unet.safetensors, …
    python examples/twin.py sample float/unet.safetensors --digit 3 --out threes.png
    python examples/twin.py train --begin float/unet.safetensors --steps 200 --rate 1e-4 --out twin.safetensors
    unnoise import twin.safetensors                                         # and `unnoise sample` draws with them

It computes what src/model/unet.rs and src/denoiser/edm.rs do, of `unet` and `unet-blind`, on the CPU;
tests/golden/pytorch.json holds the two together. A file is a state dict whose metadata has the network's name and its configuration.
"""
import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

# UnetConfig::new() of src/model/unet.rs: what fresh weights are of.
CONFIG = {"size": 28, "picture_channels": 1, "channels": [16, 48, 96], "blocks": [1, 1, 1], "heads": 4,
          "noise_features": 32, "embedding": 128, "classes": 10, "context": None, "sigma_data": 0.6}


def norm(channels):
    return nn.GroupNorm(max(channels // 8, 1), channels)


def zero(layer):
    """A layer that adds nothing until it has learned to."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class Block(nn.Module):
    """norm, SiLU, 3×3, norm scaled and shifted by the embedding, SiLU, 3×3, added to the input."""

    def __init__(self, width, embedding):
        super().__init__()
        self.norm1 = norm(width)
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.modulation = nn.Linear(embedding, 2 * width)
        self.norm2 = norm(width)
        self.conv2 = zero(nn.Conv2d(width, width, 3, padding=1))

    def forward(self, x, embedding):
        scale, shift = self.modulation(embedding)[:, :, None, None].chunk(2, 1)
        h = self.conv1(F.silu(self.norm1(x)))
        return x + self.conv2(F.silu(self.norm2(h) * (1 + scale) + shift))


class Attention(nn.Module):
    """Every pixel looks at every other."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm = norm(width)
        self.qkv = nn.Conv2d(width, 3 * width, 1)
        self.out = zero(nn.Conv2d(width, width, 1))

    def forward(self, x):
        q, k, v = (t.unflatten(1, (self.heads, -1)).flatten(3).mT for t in self.qkv(self.norm(x)).chunk(3, 1))
        mixed = F.scaled_dot_product_attention(q, k, v)
        return x + self.out(mixed.mT.reshape(x.shape))


class Level(nn.Module):
    """The blocks at one size, and the convolution that leads to it or away from it."""

    def __init__(self, width, blocks, embedding, resample):
        super().__init__()
        self.blocks = nn.ModuleList(Block(width, embedding) for _ in range(blocks))
        self.resample = resample


class Unet(nn.Module):
    """D(x; sigma, class): the clean picture that is expected in a noisy one, x = x0 + sigma · noise.

    x is [n, 1, size, size], in [-1, 1] where it is clean; sigma [n]; the class [n], its last number + 1 for any.
    """

    def __init__(self, config):
        super().__init__()
        if config["context"] is not None:
            raise SystemExit("the twin is of unet and unet-blind: this network follows sentences")
        self.config = config
        embedding, widths, counts = config["embedding"], config["channels"], config["blocks"]
        blocks = lambda level: nn.ModuleList(Block(widths[level], embedding) for _ in range(counts[level]))
        pairs = list(zip(widths, widths[1:], counts))
        self.stem = nn.Conv2d(config["picture_channels"], widths[0], 3, padding=1)
        self.down = nn.ModuleList(
            Level(fine, count, embedding, nn.Conv2d(fine, coarse, 3, stride=2, padding=1))
            for fine, coarse, count in pairs)
        self.middle_in = blocks(-1)
        self.attention = Attention(widths[-1], config["heads"])
        self.middle_out = blocks(-1)
        self.up = nn.ModuleList(
            Level(fine, count, embedding, nn.Conv2d(coarse, fine, 1))
            for fine, coarse, count in reversed(pairs))
        self.norm = norm(widths[0])
        self.head = zero(nn.Conv2d(widths[0], config["picture_channels"], 3, padding=1))
        self.noise = nn.Linear(config["noise_features"], embedding) if config["noise_features"] else None
        # Python keeps the word for itself.
        setattr(self, "class", nn.Linear(config["classes"] + 1, embedding, bias=False))
        self.embedding = nn.Linear(embedding, embedding)
        if config["noise_features"]:
            # Radians a unit of ln(sigma) / 4.
            waves = torch.logspace(math.log2(32), math.log2(0.5), config["noise_features"] // 2, base=2.0)
            self.register_buffer("waves", waves, persistent=False)

    def forward(self, x, sigma, label):
        data = self.config["sigma_data"]
        total = (sigma**2 + data**2).sqrt()
        c_skip, c_out, c_in = (c[:, None, None, None] for c in ((data / total) ** 2, sigma * data / total, 1 / total))
        return c_skip * x + c_out * self.network(c_in * x, sigma.log() / 4, label)

    def network(self, x, c_noise, label):
        embedding = self.get_submodule("class")(F.one_hot(label, self.config["classes"] + 1).to(x.dtype))
        if self.noise is not None:
            angles = c_noise[:, None] * self.waves
            embedding = embedding + self.noise(torch.cat([angles.cos(), angles.sin()], 1))
        embedding = F.silu(self.embedding(F.silu(embedding)))

        def run(blocks, h):
            for block in blocks:
                h = block(h, embedding)
            return h

        h = self.stem(x)
        skips = []
        for level in self.down:
            h = run(level.blocks, h)
            skips.append(h)
            h = level.resample(h)
        h = run(self.middle_out, self.attention(run(self.middle_in, h)))
        for level, skip in zip(self.up, reversed(skips)):
            # Added, not concatenated.
            h = run(level.blocks, F.interpolate(level.resample(h), scale_factor=2) + skip)
        return self.head(F.silu(self.norm(h)))


def load(path):
    """The network of a file, and its metadata."""
    with safe_open(path, "pt") as file:
        metadata = file.metadata() or {}
        state = {name: file.get_tensor(name) for name in file.keys()}
    unet = Unet(json.loads(metadata["config"]))
    unet.load_state_dict(state)
    return unet, metadata


def save(unet, metadata, path):
    """What `unnoise import` takes."""
    save_file(unet.state_dict(), path, metadata | {"config": json.dumps(unet.config)})


@torch.no_grad()
def sample(unet, labels, steps, guidance, seed):
    """DPM-Solver++(2M) (Lu et al. 2022) on the noise levels of Karras et al. 2022, with classifier-free guidance."""
    size, n = unet.config["size"], len(labels)
    scale, rho = unet.config["sigma_data"] / 0.6, 7.0
    top, bottom = (20.0 * scale) ** (1 / rho), (0.02 * scale) ** (1 / rho)
    sigmas = [*((top + (bottom - top) * torch.linspace(0, 1, steps, dtype=torch.float64)) ** rho).tolist(), 0.0]
    x = sigmas[0] * torch.randn(n, 1, size, size, generator=torch.Generator().manual_seed(seed))
    both = torch.cat([labels, torch.full_like(labels, unet.config["classes"])])
    before = None
    for i, (sigma, following) in enumerate(zip(sigmas, sigmas[1:])):
        cond, uncond = unet(x.repeat(2, 1, 1, 1), torch.full([2 * n], sigma), both).chunk(2)
        denoised = uncond + guidance * (cond - uncond)
        if following == 0:
            return denoised
        d = denoised
        if before is not None:
            # Where the line through this estimate and the one before leads, in ln sigma.
            share = math.log(sigma / following) / math.log(sigmas[i - 1] / sigma)
            d = denoised + share / 2 * (denoised - before)
        x = following / sigma * x + (1 - following / sigma) * d
        before = denoised


def pictures(folder):
    """Training pictures in [-1, 1] and their labels, as `unnoise data` leaves them, in MNIST's format."""

    def read(name, header):
        raw = (Path(folder) / name).read_bytes()
        shape = np.frombuffer(raw, ">u4", header // 4, 0)[1:]
        return torch.from_numpy(np.frombuffer(raw, np.uint8, -1, header).reshape(shape).copy())

    images = read("train-images-idx3-ubyte", 16).float()
    return images[:, None] / 127.5 - 1, read("train-labels-idx1-ubyte", 8).long()


def train(unet, images, labels, steps, batch, rate, seed):
    """Adam on the EDM loss; returns the moving average of the weights, which draws better than they do."""
    torch.manual_seed(seed)
    average = torch.optim.swa_utils.AveragedModel(
        unet, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(min(0.9995, 1 - 10 / (steps + 10))))
    adam = torch.optim.Adam(unet.parameters(), rate, betas=(0.9, 0.99))
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    data, nothing = unet.config["sigma_data"], unet.config["classes"]
    for step in range(1, steps + 1):
        chosen = torch.randint(len(images), [batch])
        x0, label = images[chosen], labels[chosen].clone()
        label[torch.rand(batch) < 0.1] = nothing
        sigma = torch.exp(-0.8 + 1.2 * torch.randn(batch))
        denoised = unet(x0 + sigma[:, None, None, None] * torch.randn_like(x0), sigma, label)
        weight = (sigma**2 + data**2) / (sigma * data) ** 2
        loss = (weight * ((denoised - x0) ** 2).mean((1, 2, 3))).mean()
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        adam.step()
        slower.step()
        average.update_parameters(unet)
        if step % 50 == 0 or step == steps:
            print(f"step {step} of {steps}: loss {loss.item():.4f}", flush=True)
    return average.module


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    draw = commands.add_parser("sample", help="draw digits")
    draw.add_argument("weights", help="a file of `unnoise export --float`, or of `train`")
    draw.add_argument("--digit", type=int, help="a class by its number [default: each in turn]")
    draw.add_argument("--count", type=int, default=16)
    draw.add_argument("--steps", type=int, default=10)
    draw.add_argument("--guidance", type=float, default=1.5)
    learn = commands.add_parser("train", help="learn from pictures")
    learn.add_argument("--begin", help="a file to begin with [default: fresh weights]")
    learn.add_argument("--data", default="data", help="the folder of `unnoise data`")
    learn.add_argument("--steps", type=int, default=1000)
    learn.add_argument("--batch", type=int, default=64)
    learn.add_argument("--rate", type=float, default=1e-3)
    for command in (draw, learn):
        command.add_argument("--seed", type=int, default=0)
        command.add_argument("--out", required=True)
    options = parser.parse_args()

    if options.command == "sample":
        unet, _ = load(options.weights)
        turn = torch.arange(options.count) % unet.config["classes"]
        labels = turn if options.digit is None else torch.full_like(turn, options.digit)
        x = sample(unet, labels, options.steps, options.guidance, options.seed)
        grey = ((x[:, 0].clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
        columns = math.ceil(math.sqrt(options.count))
        sheet = torch.zeros(math.ceil(options.count / columns) * columns, *grey.shape[1:], dtype=torch.uint8)
        sheet[: options.count] = grey
        rows = sheet.unflatten(0, (-1, columns)).transpose(1, 2)
        Image.fromarray(rows.flatten(2).flatten(0, 1).numpy()).save(options.out)
    else:
        unet, metadata = load(options.begin) if options.begin else (Unet(CONFIG), {"network": "unet"})
        average = train(unet, *pictures(options.data), options.steps, options.batch, options.rate, options.seed)
        save(average, metadata, options.out)


if __name__ == "__main__":
    main()
