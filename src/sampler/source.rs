//! Where each sampler comes from.

use serde::Serialize;

use super::SamplerKind;

/// A paper or a program that describes a sampler.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug)]
pub struct Source {
    /// Those who wrote it.
    pub authors: &'static str,
    /// When it first appeared.
    pub year: u16,
    /// What it is called.
    pub title: &'static str,
    /// Where it can be read.
    pub url: &'static str,
}

const fn source(
    authors: &'static str,
    year: u16,
    title: &'static str,
    url: &'static str,
) -> Source {
    Source {
        authors,
        year,
        title,
        url,
    }
}

const DDPM: Source = source(
    "Ho, Jain & Abbeel",
    2020,
    "Denoising Diffusion Probabilistic Models",
    "https://arxiv.org/abs/2006.11239",
);

const EDM: Source = source(
    "Karras et al.",
    2022,
    "Elucidating the Design Space of Diffusion-Based Generative Models",
    "https://arxiv.org/abs/2206.00364",
);

const DPM_SOLVER: Source = source(
    "Lu et al.",
    2022,
    "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models",
    "https://arxiv.org/abs/2211.01095",
);

const DESCENT: Source = source(
    "Permenter & Yuan",
    2023,
    "Interpreting and Improving Diffusion Models from an Optimization Perspective",
    "https://arxiv.org/abs/2306.04848",
);

const KDIFFUSION: Source = source(
    "Crowson",
    2022,
    "k-diffusion",
    "https://github.com/crowsonkb/k-diffusion",
);

impl SamplerKind {
    /// Those who described it, the first ones first.
    pub fn sources(self) -> &'static [Source] {
        match self {
            Self::Ddpm => &[DDPM],
            Self::Ddim => {
                &const {
                    [source(
                        "Song, Meng & Ermon",
                        2020,
                        "Denoising Diffusion Implicit Models",
                        "https://arxiv.org/abs/2010.02502",
                    )]
                }
            }
            Self::Euler | Self::Heun => &[EDM],
            Self::EulerAncestral => &[DDPM, KDIFFUSION],
            Self::Lms => {
                &const {
                    [
                        source(
                            "Liu et al.",
                            2022,
                            "Pseudo Numerical Methods for Diffusion Models on Manifolds",
                            "https://arxiv.org/abs/2202.09778",
                        ),
                        KDIFFUSION,
                    ]
                }
            }
            Self::Dpmpp2m | Self::Dpmpp2mSde | Self::Dpmpp3m => &[DPM_SOLVER],
            Self::UniPc => {
                &const {
                    [source(
                        "Zhao et al.",
                        2023,
                        "UniPC: A Unified Predictor-Corrector Framework for Fast Sampling of Diffusion Models",
                        "https://arxiv.org/abs/2302.04867",
                    )]
                }
            }
            Self::Flow => {
                &const {
                    [
                        source(
                            "Liu, Gong & Liu",
                            2022,
                            "Flow Straight and Fast: Learning to Generate and Transfer Data with Rectified Flow",
                            "https://arxiv.org/abs/2209.03003",
                        ),
                        source(
                            "Lipman et al.",
                            2022,
                            "Flow Matching for Generative Modeling",
                            "https://arxiv.org/abs/2210.02747",
                        ),
                    ]
                }
            }
            Self::GradientDescent => &[DESCENT],
            Self::Momentum => {
                &const {
                    [
                        source(
                            "Polyak",
                            1964,
                            "Some methods of speeding up the convergence of iteration methods",
                            "https://doi.org/10.1016/0041-5553(64)90137-5",
                        ),
                        DESCENT,
                    ]
                }
            }
            Self::Adam => {
                &const {
                    [
                        source(
                            "Kingma & Ba",
                            2014,
                            "Adam: A Method for Stochastic Optimization",
                            "https://arxiv.org/abs/1412.6980",
                        ),
                        source(
                            "Chen et al.",
                            2018,
                            "Closing the Generalization Gap of Adaptive Gradient Methods in Training Deep Neural Networks",
                            "https://arxiv.org/abs/1806.06763",
                        ),
                    ]
                }
            }
        }
    }
}
