use std::env;
use std::fs::File;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::Duration;

use botticelli_llm::{Embedded, EmbeddedOptions, Finish, LanguageModel, LlmError, Message, Reply, Request, Role};
use serde_json::json;

use crate::asking::{question, question_for_a_post};

const FILE_NAME: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";

/// The file that `BOTTICELLI_MODEL` names, or the one that CI fetches.
fn model_path() -> PathBuf {
    let fetched = || {
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/model").join(FILE_NAME);
        let installed = Path::new("/var/cache/botticelli").join(FILE_NAME);
        if installed.is_file() { installed } else { target }
    };
    env::var_os("BOTTICELLI_MODEL").map_or_else(fetched, PathBuf::from)
}

fn options(model_path: PathBuf) -> EmbeddedOptions {
    EmbeddedOptions {
        cache_dir: Path::new(env!("CARGO_TARGET_TMPDIR")).join("embedded-model"),
        model_path,
        threads: NonZero::<usize>::MIN,
    }
}

/// A missing file fails the test with the command that fetches it.
fn model() -> Embedded {
    match Embedded::open(options(model_path())) {
        Ok(model) => model,
        Err(error) => panic!("{error}"),
    }
}

async fn answer(model: &Embedded, request: &Request) -> Reply {
    match model.generate(request).await {
        Ok(reply) => reply,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn probe() {
    let model = model();
    let mut request = question("What is the capital of France? What is 17 + 25?");
    request.temperature = Some(0.0);
    request.timeout = Duration::from_secs(300);
    eprintln!("{:?}", model.generate(&request).await.map(|r| (r.text, r.usage)).map_err(|e| e.to_string()));
    for system in ["You write posts for a Discord server.", "You write posts for a Discord server. Reply with one JSON object with the keys `title`, `body` and `tags`."] {
    for seed in 0..6 {
        let started = std::time::Instant::now();
        let mut request = question_for_a_post("Write a short friendly post about the release of our new job queue, written in Rust.");
        request.system = Some(system.into());
        request.seed = Some(seed);
        request.temperature = Some(0.4);
        request.timeout = Duration::from_secs(300);
        let reply = model.generate(&request).await;
        eprintln!("{:?} {:?}", started.elapsed(), reply.map(|r| (r.text, r.usage)).map_err(|e| e.to_string()));
    }
    }
    eprintln!("{}", std::fs::read_to_string("/proc/self/status").unwrap().lines().filter(|l| l.starts_with("Vm") || l.starts_with("Thr")).collect::<Vec<_>>().join("\n"));
}
