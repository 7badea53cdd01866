//! What runs on a desktop: data, training, evaluation, export, serving. The only place, with
//! `main.rs`, that touches files, threads and the network.

pub mod atomic;
pub mod chart;
pub mod command;
pub mod data;
pub mod device;
pub mod evaluation;
pub mod export;
pub mod fit;
pub mod idx;
pub mod memory;
pub mod onnx;
pub mod output;
pub mod picture;
pub mod reconstruct;
pub mod sample;
pub mod serve;
pub mod similarity;
pub mod store;
pub mod text;
pub mod torch;
pub mod train;
