"""Makes samplers.json: the paths of diffusers' and k-diffusion's samplers over a denoiser that is a formula.

    python3 -m venv v && v/bin/pip install diffusers==0.42.1 k-diffusion==0.1.1 torch==2.9.0 torchvision==0.24.0
    v/bin/python samplers.py > samplers.json

tests/sampler.rs holds the samplers to it. All is computed in float64. A path lists x, in the frame
x0 + sigma * noise, at each sigma of its table.
"""
import json
from importlib.metadata import version

import k_diffusion.sampling as k
import numpy as np
import torch
from diffusers import (DDIMScheduler, DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler,
                       UniPCMultistepScheduler)

torch.set_default_dtype(torch.float64)

START = torch.tensor([-1.3, -0.4, 0.1, 0.7])  # in units of the first sigma
STEPS = 8


def denoise(x, sigma):
    """D for a half of N(-1, 0.3²) and a half of N(0.8, 0.2²), each number for itself."""
    parts = []
    for mean, spread in ((-1.0, 0.3), (0.8, 0.2)):
        variance = spread**2 + sigma**2
        weight = torch.exp(-((x - mean) ** 2) / (2 * variance)) / variance**0.5
        parts.append((weight, (spread**2 * x + sigma**2 * mean) / variance))
    (w_a, d_a), (w_b, d_b) = parts
    return (w_a * d_a + w_b * d_b) / (w_a + w_b)


def noise(step):
    """What stands in for N(0, I) in this step."""
    return torch.sin(1.0 + step + torch.arange(4.0) * 2.0)


def karras(steps):
    return torch.cat([k.get_sigmas_karras(steps, 0.02, 20.0, 7.0), torch.zeros(1)])[: steps + 1]


def by_k_diffusion(sampler, sigmas, **options):
    path = []
    model = lambda x, sigma: denoise(x, sigma[0])
    keep = lambda state: path.append(state["x"][0].clone())
    if "noise_sampler" in options:
        calls = iter(range(len(sigmas)))
        options["noise_sampler"] = lambda *_: noise(next(calls))
    start = START * sigmas[0]
    end = sampler(model, start[None], sigmas, callback=keep, disable=True, **options)
    return [*path, end[0]]


def by_diffusers(scheduler, sigmas, stochastic=False):
    """A scheduler over the variance-preserving frame, walking this table and not one of its own."""
    scheduler.set_timesteps(len(sigmas) - 1)
    scheduler.sigmas = sigmas
    scheduler.set_begin_index(0)
    scale = lambda sigma: 1 / (1 + sigma**2) ** 0.5
    x = START[None, None] * sigmas[0] * scale(sigmas[0])  # UniPC wants three dimensions
    path = []
    for step, (t, sigma) in enumerate(zip(scheduler.timesteps, sigmas)):
        path.append(x[0, 0] / scale(sigma))
        options = {"variance_noise": noise(step)[None, None]} if stochastic else {}
        x = scheduler.step(denoise(x / scale(sigma), sigma), t, x, **options).prev_sample
    return [*path, x[0, 0]]


def by_ddim(scheduler):
    """DDIM, which knows t and no sigma."""
    scheduler.alphas_cumprod = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000), 0)
    scheduler.final_alpha_cumprod = torch.tensor(1.0)
    scheduler.set_timesteps(STEPS)
    alpha_bar = scheduler.alphas_cumprod[scheduler.timesteps]
    sigmas = torch.cat([((1 - alpha_bar) / alpha_bar) ** 0.5, torch.zeros(1)])
    x = START * sigmas[0] * alpha_bar[0] ** 0.5
    path = []
    for step, (t, a, sigma) in enumerate(zip(scheduler.timesteps, alpha_bar, sigmas)):
        path.append(x / a**0.5)
        x = scheduler.step(denoise(x / a**0.5, sigma), t, x, eta=0.7, variance_noise=noise(step)).prev_sample
    return sigmas, [*path, x]


def by_flow(shift):
    """The straight path: diffusers' sigma is t."""
    scheduler = FlowMatchEulerDiscreteScheduler(shift=1.0)
    u = torch.linspace(1.0, 0.0, STEPS + 1)[1:-1]
    t = torch.cat([shift * u / (1 + (shift - 1) * u), torch.zeros(1)])
    scheduler.set_timesteps(len(t) - 1)
    scheduler.sigmas = t
    scheduler.set_begin_index(0)
    sigmas = t / (1 - t)
    x = START * sigmas[0] * (1 - t[0])
    path = []
    for time, s, sigma in zip(scheduler.timesteps, t, sigmas):
        path.append(x / (1 - s))
        velocity = (x - denoise(path[-1], sigma)) / s
        x = scheduler.step(velocity, time, x).prev_sample
    return sigmas, [*path, x]


tables = []


def add(sampler, made_by, sigmas, path):
    numbers = lambda values: [float(value) for value in values]
    tables.append({"sampler": sampler, "made_by": made_by, "sigmas": numbers(sigmas), "path": [numbers(x) for x in path]})


sigmas = karras(STEPS)
for sampler, function, options in (
    ("euler", k.sample_euler, {}),
    ("euler-ancestral", k.sample_euler_ancestral, {"noise_sampler": None}),
    ("heun", k.sample_heun, {}),
    ("lms", k.sample_lms, {}),
    ("dpmpp-2m", k.sample_dpmpp_2m, {}),
    ("dpmpp-2m-sde", k.sample_dpmpp_2m_sde, {"noise_sampler": None}),
    ("dpmpp-3m", k.sample_dpmpp_3m_sde, {"eta": 0.0, "noise_sampler": None}),
):
    add(sampler, f"k_diffusion.sampling.{function.__name__}", sigmas, by_k_diffusion(function, sigmas, **options))

common = {"prediction_type": "sample", "final_sigmas_type": "zero"}
for sampler, scheduler, stochastic in (
    ("dpmpp-2m", DPMSolverMultistepScheduler(solver_order=2, euler_at_final=True, **common), False),
    ("dpmpp-2m-sde", DPMSolverMultistepScheduler(solver_order=2, algorithm_type="sde-dpmsolver++", **common), True),
    ("dpmpp-3m", DPMSolverMultistepScheduler(solver_order=3, lower_order_final=False, euler_at_final=True, **common), False),
    ("unipc", UniPCMultistepScheduler(solver_order=2, solver_type="bh2", **common), False),
):
    add(sampler, f"diffusers.{type(scheduler).__name__}", sigmas, by_diffusers(scheduler, sigmas, stochastic))

spaced = {"timestep_spacing": "trailing", "clip_sample": False, "prediction_type": "sample"}
add("ddim", "diffusers.DDIMScheduler, eta 0.7", *by_ddim(DDIMScheduler(**spaced)))
add("flow", "diffusers.FlowMatchEulerDiscreteScheduler, shift 3", *by_flow(3.0))

made_with = {name: version(name) for name in ("diffusers", "k-diffusion", "torch", "numpy")}
print(json.dumps({"made_with": made_with, "tables": tables}, indent=None, separators=(",", ":")).replace('{"sampler"', '\n{"sampler"'))
