//! What bytes are, and what happens to those that are called something else.

use botticelli_media::{MediaFile, MediaKind, Mime, SniffError, sniff};

use crate::{PNG, TestResult};

fn webm() -> Vec<u8> {
    let mut bytes = b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm".to_vec();
    bytes.resize(300, 0);
    bytes
}

fn samples() -> Vec<(&'static str, Mime, MediaKind, Vec<u8>)> {
    vec![
        ("png", Mime::Png, MediaKind::Image, PNG.to_vec()),
        (
            "jpg",
            Mime::Jpeg,
            MediaKind::Image,
            b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01".to_vec(),
        ),
        (
            "gif",
            Mime::Gif,
            MediaKind::Image,
            b"GIF89a\x01\0\x01\0\0\0\0;".to_vec(),
        ),
        (
            "webp",
            Mime::Webp,
            MediaKind::Image,
            b"RIFF\x24\0\0\0WEBPVP8 \x18\0\0\0".to_vec(),
        ),
        ("mp3", Mime::Mp3, MediaKind::Audio, b"ID3\x04\0\0\0\0\0\0".to_vec()),
        (
            "wav",
            Mime::Wav,
            MediaKind::Audio,
            b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0".to_vec(),
        ),
        (
            "ogg",
            Mime::Ogg,
            MediaKind::Audio,
            b"OggS\0\x02\0\0\0\0\0\0\0\0".to_vec(),
        ),
        (
            "mp4",
            Mime::Mp4,
            MediaKind::Video,
            b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2".to_vec(),
        ),
        ("webm", Mime::Webm, MediaKind::Video, webm()),
        ("pdf", Mime::Pdf, MediaKind::Document, b"%PDF-1.7\n1 0 obj\n".to_vec()),
        (
            "txt",
            Mime::Text,
            MediaKind::Document,
            "Primavera, già vista.\n".as_bytes().to_vec(),
        ),
    ]
}

#[test]
fn every_type_is_known_by_its_content_alone() -> TestResult {
    for (extension, mime, kind, bytes) in samples() {
        assert_eq!(sniff(&bytes, None, None)?, mime, "{extension}");
        let media = MediaFile::new(bytes, None, None)?;
        assert_eq!((media.kind, media.filename), (kind, format!("media.{extension}")));
    }
    Ok(())
}

#[test]
fn every_type_is_taken_under_its_own_name_and_ending_and_no_other_kind_of_them() -> TestResult {
    for (extension, mime, kind, bytes) in samples() {
        assert_eq!(sniff(&bytes, Some(mime.name()), None)?, mime);
        assert_eq!(sniff(&bytes, None, Some(&format!("a.{extension}")))?, mime);
        for (other_extension, other, other_kind, _) in samples() {
            if other == mime {
                continue;
            }
            let declared = sniff(&bytes, Some(other.name()), None);
            assert_eq!(
                declared,
                Err(SniffError::Contradiction {
                    declared: other,
                    found: mime
                })
            );
            let named = sniff(&bytes, None, Some(&format!("a.{other_extension}")));
            let is_refused = matches!(named, Err(SniffError::WrongExtension { .. }));
            let is_another = other_kind != kind || (other == Mime::Pdf) != (mime == Mime::Pdf);
            assert_eq!(is_refused, is_another, "{extension} named {other_extension}");
        }
    }
    Ok(())
}

#[test]
fn texts_are_told_apart_by_what_vouches_for_them() -> TestResult {
    let text = b"{\"a\": [1, 2]}";
    assert_eq!(sniff(text, None, None)?, Mime::Text);
    assert_eq!(sniff(text, None, Some("a.json"))?, Mime::Json);
    assert_eq!(sniff(text, None, Some("A.MD"))?, Mime::Markdown);
    assert_eq!(
        sniff(text, Some("application/json; charset=utf-8"), Some("a.txt"))?,
        Mime::Json
    );
    assert_eq!(sniff(b"\xef\xbb\xbf[]", None, Some("a.json"))?, Mime::Json);
    let broken = sniff(b"{\"a\": ", None, Some("a.json"));
    assert!(
        matches!(&broken, Err(SniffError::NotJson { detail }) if detail.contains("line 1")),
        "{broken:?}"
    );
    Ok(())
}

#[test]
fn a_text_that_begins_like_a_picture_is_a_text() -> TestResult {
    for text in [
        "ID3 tags are at the beginning.",
        "GIF89a is a format.",
        "OggS",
        "RIFF1234WEBP",
        "BM: a bitmap?",
    ] {
        assert_eq!(sniff(text.as_bytes(), Some("text/plain"), None)?, Mime::Text, "{text}");
    }
    Ok(())
}

#[test]
fn a_type_that_says_nothing_or_has_another_name_is_understood() -> TestResult {
    assert_eq!(sniff(PNG, Some("application/octet-stream"), None)?, Mime::Png);
    assert_eq!(sniff(PNG, Some(" "), None)?, Mime::Png);
    assert_eq!(sniff(PNG, Some("Image/X-PNG"), None)?, Mime::Png);
    assert_eq!(Mime::of_name("audio/x-wav"), Some(Mime::Wav));
    assert_eq!(Mime::of_filename("photo.JPEG"), Some(Mime::Jpeg));
    assert_eq!(Mime::of_filename("png"), None);
    Ok(())
}

#[test]
fn what_is_none_of_the_types_is_refused() {
    for bytes in [
        &b"\x7fELF\x02\x01\x01\0"[..],
        b"PK\x03\x04\0\0",
        b"\0\0\0",
        b"\x1f\x8b\x08\0",
        b"text \x1b[2J",
        b"\xff\xfe\0",
    ] {
        assert_eq!(sniff(bytes, None, Some("a.txt")), Err(SniffError::Unknown), "{bytes:?}");
    }
    assert_eq!(sniff(b"", None, None), Err(SniffError::Empty));
    let html = sniff(b"<html></html>", Some("text/html"), None);
    assert_eq!(
        html,
        Err(SniffError::UnknownType {
            declared: "text/html".to_owned()
        })
    );
}

#[test]
fn media_are_not_shown_in_logs() -> TestResult {
    let media = MediaFile::new(&b"secret words"[..], Some("a.txt"), None)?;
    assert_eq!(format!("{media:?}"), "MediaFile(a.txt, text/plain, 12 bytes)");
    Ok(())
}
