"""Makes pytorch.json: what the twin in PyTorch, examples/twin.py, answers with the shipped weights.

    cargo run --release -- export unet unet-blind --float
    pip install …                                           # as examples/twin.py says
    python tests/golden/pytorch.py float > tests/golden/pytorch.json

tests/torch.rs holds the network to it. x is sigma · sin(i) in pixel i; every fifth of the answer's pixels
is kept.
"""
import json
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "examples"))
from twin import load  # noqa: E402

CASES = [(0.05, 3), (0.7, 10), (12.0, 8)]

answers = {}
with torch.no_grad():
    for network in "unet", "unet-blind":
        unet, _ = load(Path(sys.argv[1]) / f"{network}.safetensors")
        waves = torch.sin(torch.arange(28 * 28, dtype=torch.float64))
        answers[network] = []
        for sigma, label in CASES:
            x = (sigma * waves).float().reshape(1, 1, 28, 28)
            denoised = unet(x, torch.tensor([sigma]), torch.tensor([label])).flatten()[::5].tolist()
            answers[network].append({"sigma": sigma, "class": label, "denoised": [round(v, 7) for v in denoised]})
print(json.dumps(answers))
