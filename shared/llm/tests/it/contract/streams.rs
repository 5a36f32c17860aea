//! Answers that come piece by piece.

use botticelli_llm::{ErrorClass, LlmError, Reply, Request};
use serde_json::json;

use crate::asking::{question, question_for_a_post};
use crate::speech::{End, Speech, all};
use crate::stub::{Close, Stub, response, streamed};

const PIECES: [&str; 4] = ["Grüße", ", ", "W\u{1f30d}", "lt."];

/// What a stream came to, and the pieces that were told before.
async fn hear(speech: &Speech, stub: &Stub, request: &Request) -> (Result<Reply, LlmError>, Vec<String>) {
    let mut heard = Vec::new();
    let mut hear = |piece: &str| heard.push(piece.to_owned());
    let outcome = speech.client(stub.url()).stream(request, &mut hear).await;
    (outcome, heard)
}

async fn refusal(speech: &Speech, stub: &Stub) -> (LlmError, Vec<String>) {
    match hear(speech, stub, &question("Hi")).await {
        (Ok(reply), _) => panic!("{}: {reply:?}", speech.wire),
        (Err(error), heard) => (error, heard),
    }
}

#[tokio::test]
async fn a_streamed_reply_is_the_same_as_a_whole_one_and_its_pieces_are_its_text() {
    for speech in all() {
        let whole = speech.answering(&PIECES.concat(), End::Stop).await;
        let whole = speech.client(whole.url()).generate(&question("Hi")).await.unwrap();
        let stub = speech.streaming(&PIECES, End::Stop).await;
        let (reply, heard) = hear(&speech, &stub, &question("Hi")).await;
        assert_eq!(reply.unwrap(), whole, "{}", speech.wire);
        assert_eq!(heard.concat(), whole.text, "{}", speech.wire);
    }
}

#[tokio::test]
async fn a_stream_may_be_cut_into_packets_anywhere_and_end_its_lines_in_any_way() {
    for speech in all() {
        let frames = speech.frames(&PIECES, End::Stop).concat();
        let beats = if speech.is_in_lines() {
            "\n"
        } else {
            ": beat\n\nretry: 3\n"
        };
        let stream = format!("{beats}{frames}").replace('\n', "\r\n");
        for size in [1, 2, 3, 7, 64] {
            let chunks: Vec<&[u8]> = stream.as_bytes().chunks(size).collect();
            let stub = Stub::playing(streamed(speech.stream_type(), &chunks, Close::Clean)).await;
            let (reply, heard) = hear(&speech, &stub, &question("Hi")).await;
            assert_eq!(reply.unwrap().text, PIECES.concat(), "{} by {size}", speech.wire);
            assert_eq!(heard.concat(), PIECES.concat(), "{} by {size}", speech.wire);
        }
    }
}

#[tokio::test]
async fn pieces_are_told_one_by_one() {
    for speech in all() {
        // The rest of the stream never comes: what is told is told before the end.
        let frames = speech.frames(&PIECES, End::Stop);
        let until = frames.iter().position(|frame| frame.contains(PIECES[2])).unwrap();
        let stub = Stub::playing(speech.streamed(&frames[..until], Close::Stall)).await;
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let client = speech.client(stub.url());
        let asking = tokio::spawn(async move {
            let mut hear = |piece: &str| tell.send(piece.to_owned()).unwrap();
            client.stream(&question("Hi"), &mut hear).await
        });
        let mut text = String::new();
        while text != PIECES[..2].concat() {
            text.push_str(&told.recv().await.unwrap());
        }
        asking.abort();
    }
}

#[tokio::test]
async fn a_streamed_answer_is_held_to_its_schema() {
    for speech in all() {
        let stub = speech.streaming(&["{\"title\":", " \"lower\"}"], End::Stop).await;
        let (outcome, heard) = hear(&speech, &stub, &question_for_a_post("Post!")).await;
        let error = outcome.unwrap_err();
        assert_eq!(error.class, ErrorClass::Malformed, "{}: {error}", speech.wire);
        assert_eq!(
            error.answer.as_deref(),
            Some("{\"title\": \"lower\"}"),
            "{}",
            speech.wire
        );
        assert_eq!(error.usage, Some(speech.usage), "{}", speech.wire);
        assert_eq!(heard.concat(), "{\"title\": \"lower\"}", "{}", speech.wire);
    }
}

#[tokio::test]
async fn the_end_of_a_stream_says_why_the_model_stopped() {
    for speech in all() {
        let stub = speech.streaming(&["{\"title\":"], End::Length).await;
        let (outcome, _) = hear(&speech, &stub, &question_for_a_post("Post!")).await;
        assert_eq!(outcome.unwrap_err().class, ErrorClass::Truncated, "{}", speech.wire);
        if speech.declines {
            let stub = speech.streaming(&["I will"], End::Declined).await;
            let (error, _) = refusal(&speech, &stub).await;
            assert_eq!(error.class, ErrorClass::Declined, "{}: {error}", speech.wire);
            assert_eq!(error.answer.as_deref(), Some("I will"), "{}", speech.wire);
        }
    }
}

#[tokio::test]
async fn a_stream_that_does_not_tell_its_cost_is_estimated() {
    for speech in all() {
        let events = (speech.events)(&["Hello ", "there."], End::Stop);
        let events = events.into_iter().map(|event| speech.without_usage(event));
        let frames: Vec<String> = events.map(|event| speech.frame(&event)).collect();
        let stub = Stub::playing(speech.streamed(&frames, Close::Clean)).await;
        let reply = hear(&speech, &stub, &question("Hi")).await.0.unwrap();
        assert!(reply.usage.is_estimated, "{}", speech.wire);
        assert_eq!(reply.usage.output_tokens, 3, "{}", speech.wire);
    }
}

#[tokio::test]
async fn a_connection_that_breaks_in_a_stream_keeps_what_was_said_and_what_it_cost() {
    for speech in all() {
        for close in [Close::Cut, Close::Clean] {
            let frames = speech.frames(&PIECES, End::Stop);
            let until = frames.iter().position(|frame| frame.contains(PIECES[3])).unwrap();
            let stub = Stub::playing(speech.streamed(&frames[..until], close)).await;
            let (error, heard) = refusal(&speech, &stub).await;
            assert_eq!(error.class, ErrorClass::Transport, "{}: {error}", speech.wire);
            assert_eq!(error.answer, Some(PIECES[..3].concat()), "{}", speech.wire);
            assert_eq!(heard.concat(), PIECES[..3].concat(), "{}", speech.wire);
            assert!(
                error.is_paid() && error.usage.unwrap().output_tokens > 0,
                "{}: {error:?}",
                speech.wire
            );
        }
    }
}

#[tokio::test]
async fn half_an_event_at_the_end_is_a_broken_connection() {
    for speech in all() {
        let frames = speech.frames(&PIECES, End::Stop);
        let until = frames.iter().position(|frame| frame.contains(PIECES[1])).unwrap();
        let half = frames[until].trim_end();
        let half = half[..half.len() - 3].to_owned();
        let frames = [&frames[..until], &[half]].concat();
        let stub = Stub::playing(speech.streamed(&frames, Close::Clean)).await;
        let (error, _) = refusal(&speech, &stub).await;
        assert_eq!(error.class, ErrorClass::Transport, "{}: {error}", speech.wire);
    }
}

#[tokio::test]
async fn a_complaint_inside_a_stream_is_understood_and_keeps_what_was_said() {
    for speech in all() {
        let frames = speech.frames(&PIECES, End::Stop);
        let until = frames.iter().position(|frame| frame.contains(PIECES[1])).unwrap();
        let complaint = speech.frame(&(speech.overload)());
        let frames = [&frames[..until], &[complaint]].concat();
        let stub = Stub::playing(speech.streamed(&frames, Close::Clean)).await;
        let (error, heard) = refusal(&speech, &stub).await;
        assert_eq!(error.class, ErrorClass::Overloaded, "{}: {error}", speech.wire);
        assert_eq!(error.answer.as_deref(), Some(PIECES[0]), "{}", speech.wire);
        assert_eq!(heard.concat(), PIECES[0], "{}", speech.wire);
    }
}

#[tokio::test]
async fn a_complaint_in_place_of_an_answer_is_understood() {
    for speech in all() {
        let stub = Stub::saying(200, (speech.overload)().to_string()).await;
        let error = speech.client(stub.url()).generate(&question("Hi")).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Overloaded, "{}: {error}", speech.wire);
        let (error, _) = refusal(&speech, &stub).await;
        assert_eq!(error.class, ErrorClass::Overloaded, "{}: {error}", speech.wire);
    }
}

#[tokio::test]
async fn an_event_that_is_not_json_is_malformed() {
    for speech in all() {
        let mut frames = speech.frames(&PIECES, End::Stop);
        let nonsense = speech.frame(&json!("@")).replace("\"@\"", "{\"half\":");
        frames.insert(1, nonsense);
        let stub = Stub::playing(speech.streamed(&frames, Close::Clean)).await;
        let (error, _) = refusal(&speech, &stub).await;
        assert_eq!(error.class, ErrorClass::Malformed, "{}: {error}", speech.wire);
        assert!(error.detail.contains("{\"half\":"), "{}: {error}", speech.wire);
    }
}

#[tokio::test]
async fn invalid_utf_8_in_a_stream_is_malformed() {
    for speech in all() {
        let stream = speech.frames(&["Hello@"], End::Stop).concat().into_bytes();
        let stream: Vec<u8> = stream
            .into_iter()
            .map(|byte| if byte == b'@' { 0xff } else { byte })
            .collect();
        let stub = Stub::playing(streamed(speech.stream_type(), &[&stream], Close::Clean)).await;
        let (error, _) = refusal(&speech, &stub).await;
        assert_eq!(error.class, ErrorClass::Malformed, "{}: {error}", speech.wire);
    }
}

#[tokio::test]
async fn a_page_in_place_of_a_stream_is_malformed_and_doubts_the_address() {
    for speech in all() {
        for kind in ["text/html; charset=utf-8", "text/plain"] {
            let acts = response(
                200,
                &[("content-type", kind)],
                b"<!doctype html><title>Welcome</title>\n",
            );
            let (error, _) = refusal(&speech, &Stub::playing(acts).await).await;
            assert_eq!(error.class, ErrorClass::Malformed, "{}: {error}", speech.wire);
            assert!(
                error.detail.contains("base_url") && error.detail.contains("Welcome"),
                "{}: {error}",
                speech.wire
            );
        }
    }
}

#[tokio::test]
async fn a_flood_in_place_of_a_stream_is_not_read_to_its_end() {
    for speech in all() {
        let flood = "x".repeat(10 * 1024 * 1024);
        let acts = streamed(speech.stream_type(), &[flood.as_bytes()], Close::Clean);
        let (error, _) = refusal(&speech, &Stub::playing(acts).await).await;
        assert_eq!(error.class, ErrorClass::Malformed, "{}: {}", speech.wire, error.class);
        assert!(error.detail.contains("2 MiB"), "{}", speech.wire);
    }
}

#[tokio::test]
async fn a_service_that_does_not_stream_is_heard_at_once() {
    for speech in all() {
        let stub = speech.answering("Hello.", End::Stop).await;
        let (reply, heard) = hear(&speech, &stub, &question("Hi")).await;
        assert_eq!(reply.unwrap().usage, speech.usage, "{}", speech.wire);
        assert_eq!(heard, ["Hello."], "{}", speech.wire);
    }
}
