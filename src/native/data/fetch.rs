//! Downloads, in a stream.

use std::{
    io::{Read, Write},
    time::Duration,
};

use md5::{Digest, Md5};

/// Fetches `mirror` + `file` into `to`: at most `most` bytes. `told` hears how many have come, of how many where the
/// server says.
///
/// # Errors
/// Why it is not there whole.
pub fn download(
    mirror: &str,
    file: &str,
    most: u64,
    to: &mut dyn Write,
    told: &mut dyn FnMut(u64, Option<u64>),
) -> Result<(), String> {
    // A mirror on this very machine is not behind the proxy that the environment may name.
    let local = mirror.starts_with("http://127.0.0.1");
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .proxy(ureq::Proxy::try_from_env().filter(|_| !local))
        .timeout_resolve(Some(Duration::from_secs(10)))
        .timeout_connect(Some(Duration::from_secs(10)))
        .timeout_recv_response(Some(Duration::from_secs(30)))
        // A second for each 64 KiB of the most that may come, ten minutes at least.
        .timeout_recv_body(Some(Duration::from_secs(600.max(most >> 16))))
        .build()
        .into();
    let mut response = agent
        .get(format!("{mirror}{file}"))
        .call()
        .map_err(|error| error.to_string())?;
    let total = response.body().content_length();
    let mut body = response.body_mut().as_reader();

    let mut come = 0;
    let mut chunk = [0; 1 << 16];
    loop {
        let read = body.read(&mut chunk).map_err(|error| error.to_string())?;
        if read == 0 {
            return Ok(());
        }
        come += read as u64;
        if come > most {
            return Err(format!("it sent more than {most} bytes"));
        }
        to.write_all(&chunk[..read])
            .map_err(|error| error.to_string())?;
        told(come, total);
    }
}

/// The MD5 sum of what is read, in hexadecimal: against damage, as it was published, not against malice.
///
/// # Errors
/// As [`Read::read`].
pub fn md5(mut from: impl Read) -> std::io::Result<String> {
    let mut sum = Md5::new();
    let mut chunk = [0; 1 << 16];
    loop {
        let read = from.read(&mut chunk)?;
        if read == 0 {
            let bytes = sum.finalize();
            return Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect());
        }
        sum.update(&chunk[..read]);
    }
}
