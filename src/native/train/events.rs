//! TensorBoard's event file: curves for whoever has that open already.
//!
//! A record is framed as TensorFlow's `tfrecord.h` says: the length, its checksum, the bytes, theirs. What is in it
//! are messages of TensorFlow's `event.proto` and `summary.proto`, as far as numbers need them.

use std::time::{SystemTime, UNIX_EPOCH};

use prost::{Message, Oneof};

#[derive(Clone, PartialEq, Message)]
struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(oneof = "What", tags = "3, 5")]
    what: Option<What>,
}

#[derive(Clone, PartialEq, Oneof)]
enum What {
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(Summary),
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

/// What a file begins with.
pub fn head() -> Vec<u8> {
    record(0, What::FileVersion("brain.Event:2".into()))
}

/// Numbers of one step, each with its name.
pub fn scalars(step: u64, scalars: &[(String, f64)]) -> Vec<u8> {
    let value = |(tag, number): &(String, f64)| Value {
        tag: tag.clone(),
        simple_value: Some(*number as f32),
    };
    let summary = Summary {
        value: scalars.iter().map(value).collect(),
    };
    record(step, What::Summary(summary))
}

fn record(step: u64, what: What) -> Vec<u8> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let event = Event {
        wall_time: since.map_or(0.0, |since| since.as_secs_f64()),
        step: step as i64,
        what: Some(what),
    };
    let bytes = event.encode_to_vec();
    let length = (bytes.len() as u64).to_le_bytes();
    [&length[..], &masked(&length), &bytes, &masked(&bytes)].concat()
}

/// A checksum as the format has it: of bytes that hold checksums themselves it would be a poor one otherwise.
fn masked(bytes: &[u8]) -> [u8; 4] {
    let sum = crc32c::crc32c(bytes).rotate_right(15);
    sum.wrapping_add(0xa282_ead8).to_le_bytes()
}
