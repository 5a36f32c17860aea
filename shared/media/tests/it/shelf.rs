//! Files below a directory, and every way out of it.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};

use botticelli_media::{Mime, Shelf, ShelfError};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

use crate::{PNG, TestResult};

/// A directory with a shelf in it and a secret beside the shelf.
fn place() -> (TempDir, Shelf) {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir_all(directory.path().join("shelf/in")).unwrap();
    fs::write(directory.path().join("secret.txt"), "secret").unwrap();
    fs::write(directory.path().join("shelf/note.md"), "# Note").unwrap();
    fs::write(directory.path().join("shelf/in/deep.txt"), "deep").unwrap();
    let shelf = Shelf::open(&directory.path().join("shelf")).unwrap();
    (directory, shelf)
}

#[test]
fn a_name_is_a_path_below_the_directory() -> TestResult {
    let (_directory, shelf) = place();
    assert_eq!(shelf.read_text("note.md", 100)?, "# Note");
    assert_eq!(shelf.read_text("./in/./deep.txt", 100)?, "deep");
    assert_eq!(shelf.read_bytes("in/deep.txt", 4)?, b"deep");
    Ok(())
}

#[test]
fn a_name_that_leads_elsewhere_is_refused_before_anything_is_opened() {
    let (directory, shelf) = place();
    let absolute = directory.path().join("shelf/note.md").display().to_string();
    for name in [
        "../secret.txt",
        "in/../../secret.txt",
        "in/../note.md",
        "..",
        "/etc/passwd",
        &absolute,
        "",
        " ",
        "in/",
        "a\0b",
    ] {
        let read = shelf.read_bytes(name, 100);
        assert!(matches!(read, Err(ShelfError::Name { .. })), "{name}: {read:?}");
    }
    let refused = shelf
        .read_bytes("../secret.txt", 100)
        .err()
        .map(|error| error.to_string());
    assert!(refused.is_some_and(|words| words.contains("`..` leads upwards")));
}

#[test]
fn a_link_may_point_to_what_is_below_and_nowhere_else() -> TestResult {
    let (directory, shelf) = place();
    let root = directory.path().join("shelf");
    // As Kubernetes mounts its ConfigMaps.
    symlink("in", root.join("..data"))?;
    symlink("..data/deep.txt", root.join("linked.txt"))?;
    assert_eq!(shelf.read_text("linked.txt", 100)?, "deep");

    symlink("../secret.txt", root.join("out.txt"))?;
    symlink(directory.path().join("secret.txt"), root.join("absolute.txt"))?;
    symlink("..", root.join("up"))?;
    symlink("/proc/self/root", root.join("magic"))?;
    for name in ["out.txt", "absolute.txt", "up/secret.txt", "magic/etc/passwd"] {
        let read = shelf.read_bytes(name, 100);
        assert!(matches!(read, Err(ShelfError::LeadsOut { .. })), "{name}: {read:?}");
    }
    symlink("round", root.join("round"))?;
    let read = shelf.read_bytes("round", 100);
    assert!(matches!(read, Err(ShelfError::Read { .. })), "{read:?}");
    Ok(())
}

#[test]
fn a_link_that_is_swapped_while_it_is_read_never_leads_out() -> TestResult {
    let (directory, shelf) = place();
    let root = directory.path().join("shelf");
    fs::create_dir(directory.path().join("outside"))?;
    fs::write(directory.path().join("outside/deep.txt"), "secret")?;
    symlink("in", root.join("turning"))?;
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for target in ["../outside", "in"].into_iter().cycle() {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                symlink(target, root.join("next")).unwrap();
                fs::rename(root.join("next"), root.join("turning")).unwrap();
            }
        });
        for _ in 0..2000 {
            match shelf.read_text("turning/deep.txt", 100) {
                Ok(text) => assert_eq!(text, "deep"),
                Err(error) => assert!(matches!(error, ShelfError::LeadsOut { .. }), "{error:?}"),
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    Ok(())
}

#[test]
fn what_is_no_file_is_refused_without_waiting_for_it() -> TestResult {
    let (directory, shelf) = place();
    let root = directory.path().join("shelf");
    // Nobody ever writes to it, so whoever opened it as a file would wait for ever.
    mknodat(CWD, root.join("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
    let _listener = UnixListener::bind(root.join("socket"))?;
    for (name, what) in [
        ("pipe", "a pipe or a device"),
        ("socket", "a socket or a device"),
        ("in", "a directory"),
    ] {
        let read = shelf.read_bytes(name, 100);
        assert!(
            matches!(&read, Err(ShelfError::NotAFile { what: found, .. }) if *found == what),
            "{name}: {read:?}"
        );
    }
    let devices = Shelf::open("/dev".as_ref())?;
    assert!(matches!(
        devices.read_bytes("zero", 100),
        Err(ShelfError::NotAFile { .. })
    ));
    Ok(())
}

#[test]
fn the_cap_is_exact_and_holds_for_files_that_lie_about_their_size() -> TestResult {
    let (_directory, shelf) = place();
    assert_eq!(shelf.read_bytes("note.md", 6)?.len(), 6);
    let read = shelf.read_bytes("note.md", 5);
    assert!(matches!(read, Err(ShelfError::TooLarge { cap: 5, .. })), "{read:?}");
    // Files of the kernel have no size until they are read.
    let kernel = Shelf::open("/proc".as_ref())?;
    assert!(matches!(
        kernel.read_bytes("cpuinfo", 10),
        Err(ShelfError::TooLarge { cap: 10, .. })
    ));
    Ok(())
}

#[test]
fn a_missing_file_says_where_it_was_looked_for() -> TestResult {
    let (directory, shelf) = place();
    let narratives = directory.path().join("narratives");
    fs::create_dir(&narratives)?;
    let both = shelf.beside(&narratives)?;
    let error = both.read_text("in/none.md", 100).err().ok_or("it was there")?;
    let expected = format!(
        "there is no file `in/none.md`; it was looked for at `{}` and `{}`",
        narratives.join("in/none.md").display(),
        directory.path().join("shelf/in/none.md").display(),
    );
    assert_eq!(error.to_string(), expected);
    // A file where a directory should be is none either.
    assert!(matches!(
        both.read_text("note.md/x", 100),
        Err(ShelfError::Missing { .. })
    ));
    Ok(())
}

#[test]
fn what_lies_beside_a_narrative_comes_before_the_shelf() -> TestResult {
    let (directory, shelf) = place();
    let narratives = directory.path().join("narratives");
    fs::create_dir(&narratives)?;
    fs::write(narratives.join("note.md"), "nearer")?;
    let both = shelf.beside(&narratives)?;
    assert_eq!(both.read_text("note.md", 100)?, "nearer");
    assert_eq!(both.read_text("in/deep.txt", 100)?, "deep");
    // One that leads out is not passed over in silence.
    symlink("../secret.txt", narratives.join("deep.txt"))?;
    assert!(matches!(
        both.read_text("deep.txt", 100),
        Err(ShelfError::LeadsOut { .. })
    ));
    Ok(())
}

#[test]
fn a_text_is_utf8_or_says_where_it_is_not() -> TestResult {
    let (directory, shelf) = place();
    fs::write(directory.path().join("shelf/latin1.txt"), b"caf\xe9")?;
    fs::write(directory.path().join("shelf/bom.txt"), "\u{feff}già")?;
    let error = shelf.read_text("latin1.txt", 100).err().ok_or("it was read")?;
    assert!(
        error
            .to_string()
            .ends_with("is not a text in UTF-8: byte 3 fits into none; convert it"),
        "{error}"
    );
    assert_eq!(shelf.read_text("bom.txt", 100)?, "già");
    Ok(())
}

#[test]
fn media_on_a_shelf_are_what_they_are() -> TestResult {
    let (directory, shelf) = place();
    fs::write(directory.path().join("shelf/in/cover.png"), PNG)?;
    fs::write(
        directory.path().join("shelf/pointer.png"),
        "version https://git-lfs.github.com/spec/v1",
    )?;
    let cover = shelf.read_media("in/cover.png", None, 1000)?;
    assert_eq!(
        (cover.mime, cover.filename.as_str(), &*cover.bytes),
        (Mime::Png, "cover.png", PNG)
    );
    assert!(matches!(
        shelf.read_media("pointer.png", None, 1000),
        Err(ShelfError::Content { .. })
    ));
    assert!(matches!(
        shelf.read_media("in/cover.png", Some("image/gif"), 1000),
        Err(ShelfError::Content { .. })
    ));
    Ok(())
}

#[test]
fn a_directory_that_is_replaced_is_read_as_it_is_now() -> TestResult {
    let (directory, shelf) = place();
    fs::remove_dir_all(directory.path().join("shelf"))?;
    assert!(matches!(
        shelf.read_text("note.md", 100),
        Err(ShelfError::Directory { .. })
    ));
    fs::create_dir(directory.path().join("shelf"))?;
    fs::write(directory.path().join("shelf/note.md"), "anew")?;
    assert_eq!(shelf.read_text("note.md", 100)?, "anew");
    Ok(())
}

#[test]
fn a_shelf_that_is_not_there_is_refused_at_once() {
    let missing = Shelf::open("/nowhere/at/all".as_ref());
    assert!(matches!(missing, Err(ShelfError::Directory { .. })), "{missing:?}");
}
