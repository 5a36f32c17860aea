//! What was asked and answered is written down, and answered from again.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use botticelli_llm::{
    Answer, ErrorClass, LanguageModel, LlmError, Media, MediaKind, Message, Part, Recording, Replay, Reply, Request,
    Role, Scripted, Timeouts,
};
use serde_json::{Value, json};

/// A file in memory.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn lines(&self) -> Vec<Value> {
        self.text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

fn request(text: &str) -> Request {
    Request::of([Message::user(text)], Timeouts::within(Duration::from_secs(5)))
}

/// Asks a model that answers so, and gives back what it said and what was written.
async fn record(answers: Vec<Answer>, requests: &[Request]) -> (Vec<Result<Reply, LlmError>>, Paper) {
    let paper = Paper::default();
    let recording = Recording::new(paper.clone());
    let model = recording.of(Arc::new(Scripted::in_order(answers)));
    let mut said = Vec::new();
    for request in requests {
        recording.name(&request.prompt_hash(), "1/draft");
        said.push(model.generate(request).await);
    }
    recording.finish().unwrap();
    (said, paper)
}

#[tokio::test]
async fn a_call_is_a_line_with_its_hash_its_prompt_and_its_reply() {
    let asked = Request {
        model: Some("small".to_owned()),
        system: Some("Be brief.".into()),
        schema: Some(json!({"type": "object"}).into()),
        ..request("Name a habit.")
    };
    let (said, paper) = record(vec![Answer::text(r#"{"habit": "tea"}"#)], std::slice::from_ref(&asked)).await;
    let reply = said[0].as_ref().unwrap();
    assert_eq!(
        paper.lines(),
        [json!({
            "hash": asked.prompt_hash(),
            "step": "1/draft",
            "provider": "scripted",
            "model": "small",
            "request": {
                "system": "Be brief.",
                "messages": [{"role": "user", "parts": [{"text": "Name a habit."}]}],
                "schema": {"type": "object"},
            },
            "reply": {
                "model": "small",
                "text": r#"{"habit": "tea"}"#,
                "json": {"habit": "tea"},
                "usage": reply.usage,
                "finish": "stop",
            },
        })]
    );
}

#[tokio::test]
async fn a_streamed_call_is_recorded_and_its_pieces_are_told() {
    let paper = Paper::default();
    let recording = Recording::new(paper.clone());
    let model = recording.of(Arc::new(Scripted::in_order([Answer::text("one two")])));
    let mut pieces = Vec::new();
    model
        .stream(&request("Say"), &mut |piece: &str| pieces.push(piece.to_owned()))
        .await
        .unwrap();
    assert_eq!(pieces, ["one ", "two"]);
    assert_eq!(paper.lines()[0]["reply"]["text"], "one two");
    assert_eq!((model.provider(), model.takes(MediaKind::Audio)), ("scripted", true));
}

#[tokio::test]
async fn a_file_is_recorded_by_its_hash_alone() {
    let media = Media {
        kind: MediaKind::Image,
        mime: "image/png".to_owned(),
        filename: Some("a.png".to_owned()),
        bytes: Arc::from(*b"abc"),
    };
    let asked = Request {
        messages: vec![Message::of(Role::User, [Part::Media(media.into())])],
        ..request("")
    };
    let (_, paper) = record(vec![Answer::text("a picture")], std::slice::from_ref(&asked)).await;
    // From FIPS 180-2, appendix B.1.
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(
        paper.lines()[0]["request"]["messages"][0]["parts"][0]["media"],
        json!({"kind": "image", "mime": "image/png", "filename": "a.png", "bytes": 3, "sha256": digest})
    );
    let replay = Replay::read("r.jsonl", &paper.text()).unwrap();
    assert_eq!(replay.generate(&asked).await.unwrap().text, "a picture");
}

#[tokio::test]
async fn a_replay_gives_the_same_answers_and_the_same_failures_in_their_order() {
    let rejected = LlmError::new(ErrorClass::RateLimited, "far", "too fast").with_model("big");
    let unusable = LlmError::new(ErrorClass::Malformed, "far", "not JSON").with_answer("Sure!");
    let answers = || {
        vec![
            Answer::error(rejected.clone()),
            Answer::error(unusable.clone()),
            Answer::text("first"),
            Answer::text("other"),
            Answer::cut("second"),
        ]
    };
    let requests = [request("a"), request("a"), request("a"), request("b"), request("a")];
    let (said, paper) = record(answers(), &requests).await;
    let replay = Replay::read("r.jsonl", &paper.text()).unwrap();
    for (asked, said) in requests.iter().zip(&said) {
        let again = replay.generate(asked).await;
        match (again, said) {
            (Ok(again), Ok(said)) => {
                let told = (&again.text, &again.model, again.usage, again.finish);
                assert_eq!(told, (&said.text, &said.model, said.usage, said.finish));
            }
            (Err(again), Err(said)) => {
                let told = (again.class, &again.detail, &again.model, &again.answer);
                assert_eq!(told, (said.class, &said.detail, &said.model, &said.answer));
            }
            (again, said) => panic!("{said:?} was said, and {again:?} now"),
        }
    }
    // What is used up is given again.
    assert_eq!(replay.generate(&request("a")).await.unwrap().text, "second");
}

#[tokio::test]
async fn of_the_same_question_to_two_models_each_gets_its_own_answer() {
    let to = |model: &str| Request {
        model: Some(model.to_owned()),
        ..request("a")
    };
    let (_, paper) = record(
        vec![Answer::text("of big"), Answer::text("of small")],
        &[to("big"), to("small")],
    )
    .await;
    let replay = Replay::read("r.jsonl", &paper.text()).unwrap();
    assert_eq!(replay.generate(&to("small")).await.unwrap().text, "of small");
    assert_eq!(replay.generate(&to("huge")).await.unwrap().text, "of big");
}

#[tokio::test]
async fn a_request_that_was_not_recorded_is_refused_with_the_nearest_that_was() {
    let near = Request {
        temperature: Some(0.5),
        ..request("Name one simple habit that helps gardeners.")
    };
    let answers = vec![Answer::text("tea"), Answer::text("rain")];
    let (_, paper) = record(answers, &[request("Write about rain."), near.clone()]).await;
    let replay = Replay::read("r.jsonl", &paper.text()).unwrap();
    let asked = Request {
        messages: vec![Message::user("Name one simple habit that helps bakers.")],
        temperature: Some(0.7),
        ..near
    };
    let error = replay.generate(&asked).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Invalid);
    assert!(!error.may_fall_back());
    let message = error.to_string();
    for part in [
        "recording `r.jsonl` has no answer to this request",
        "that of step `1/draft` in line 2",
        "helps gardeners.`, and has",
        "helps bakers.` now",
        "`temperature` is `0.5`, and is `0.7` now",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let message = replay.generate(&request("Zzz")).await.unwrap_err().to_string();
    assert!(message.contains("nothing in it is like it"), "{message}");
}

#[test]
fn a_text_that_is_no_recording_is_refused_with_its_line() {
    let error = Replay::read("r.jsonl", "\n{\"hash\": 1}\n").unwrap_err();
    assert!(error.to_string().starts_with("`r.jsonl`:2 is no line"), "{error}");
    assert!(Replay::read("r.jsonl", "\n").is_ok());
}

#[tokio::test]
async fn a_recording_that_cannot_be_written_is_told_at_the_end_and_disturbs_no_call() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is full"))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let recording = Recording::new(Full);
    let model = recording.of(Arc::new(Scripted::in_order([Answer::text("said")])));
    assert_eq!(model.generate(&request("a")).await.unwrap().text, "said");
    assert_eq!(recording.finish().unwrap_err().to_string(), "the disk is full");
}
