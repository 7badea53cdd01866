//! Text files as people and programs save them.

use std::{io, path::Path};

use super::atomic;

/// Reads a text: UTF-8, with or without a byte order mark, or UTF-16 with one.
///
/// # Errors
/// As [`atomic::read`].
pub fn read(path: &Path) -> io::Result<String> {
    let bytes = atomic::read(path)?;
    let units = |unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..]
            .as_chunks()
            .0
            .iter()
            .map(|&two| unit(two))
            .collect();
        String::from_utf16_lossy(&units)
    };
    Ok(match &bytes[..] {
        [0xef, 0xbb, 0xbf, text @ ..] => String::from_utf8_lossy(text).into_owned(),
        [0xff, 0xfe, ..] => units(u16::from_le_bytes),
        [0xfe, 0xff, ..] => units(u16::from_be_bytes),
        text => String::from_utf8_lossy(text).into_owned(),
    })
}

/// The lines of a text; the last one may end without a line break.
///
/// # Errors
/// As [`atomic::read`].
pub fn lines(path: &Path) -> io::Result<Vec<String>> {
    Ok(read(path)?.lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text");
        let text = "r\u{f6}d\r\n\nblue";
        let utf16 = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            let marked = format!("\u{feff}{text}");
            marked.encode_utf16().flat_map(bytes).collect()
        };
        for bytes in [
            text.into(),
            [&[0xef, 0xbb, 0xbf], text.as_bytes()].concat(),
            utf16(u16::to_le_bytes),
            utf16(u16::to_be_bytes),
        ] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(lines(&path).unwrap(), ["r\u{f6}d", "", "blue"]);
        }
        std::fs::write(&path, [0xff, 0xfe, 0x41]).unwrap();
        assert_eq!(read(&path).unwrap(), "");
    }
}
