//! What runs on a desktop: data, training, evaluation, export, serving. The only place, with
//! `main.rs`, that touches files, threads, the network and optimisers.

pub mod atomic;
pub mod chart;
pub mod data;
pub mod device;
pub mod evaluation;
pub mod export;
pub mod idx;
pub mod picture;
pub mod reconstruct;
pub mod sample;
pub mod serve;
pub mod similarity;
pub mod train;
