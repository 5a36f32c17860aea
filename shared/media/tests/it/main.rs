//! What comes into prompts from outside, and what does not.

#![expect(clippy::unwrap_used, reason = "a test has nobody to hand an error to")]

mod base64_text;
mod fetching;
mod hostile_servers;
mod server;
mod shelf;
mod sniffing;

type TestResult = Result<(), Box<dyn std::error::Error>>;

/// The shortest PNG there is: one pixel.
const PNG: &[u8] = &[
    0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', 0, 0, 0, 13, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0, 0, 1, 8,
    0, 0, 0, 0, 0x3a, 0x7e, 0x9b, 0x55, 0, 0, 0, 10, b'I', b'D', b'A', b'T', 0x78, 0x9c, 0x63, 0x60, 0, 0, 0, 2, 0, 1,
    0x48, 0xaf, 0xa4, 0x71, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82,
];
