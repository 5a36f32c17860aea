//! Media that stand in a document.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use botticelli_media::{Base64Error, Mime, SniffError, from_base64};

use crate::{PNG, TestResult};

#[test]
fn a_picture_comes_out_as_it_was() -> TestResult {
    let text = STANDARD.encode(PNG);
    let media = from_base64(&text, Some("image/png"), Some("pixel.png"), PNG.len())?;
    assert_eq!(
        (&*media.bytes, media.mime, media.filename.as_str()),
        (PNG, Mime::Png, "pixel.png")
    );
    Ok(())
}

#[test]
fn lines_and_missing_padding_do_no_harm() -> TestResult {
    let text = STANDARD.encode(b"Primavera!");
    let broken = format!("\n  {}\r\n  {}\n", &text[..7], text[7..].trim_end_matches('='));
    assert_eq!(&*from_base64(&broken, None, None, 100)?.bytes, b"Primavera!");
    Ok(())
}

#[test]
fn the_cap_is_for_the_bytes_and_exact() {
    let text = STANDARD.encode(b"Primavera!");
    assert!(from_base64(&text, None, None, 10).is_ok());
    for cap in [9, 8, 0] {
        assert_eq!(from_base64(&text, None, None, cap), Err(Base64Error::TooLarge { cap }));
    }
}

#[test]
fn what_is_not_base64_or_not_what_it_says_is_refused() {
    for text in ["Ünicode", "abc$", "a", "data:image/png;base64,AAAA", "-_-_"] {
        let read = from_base64(text, None, None, 1000);
        assert!(matches!(read, Err(Base64Error::Invalid { .. })), "{text}: {read:?}");
    }
    assert_eq!(
        from_base64(" ", None, None, 10),
        Err(Base64Error::Content(SniffError::Empty))
    );
    let read = from_base64(&STANDARD.encode(PNG), Some("image/gif"), None, 1000);
    let found = Mime::Png;
    assert_eq!(
        read,
        Err(Base64Error::Content(SniffError::Contradiction {
            declared: Mime::Gif,
            found
        }))
    );
}
