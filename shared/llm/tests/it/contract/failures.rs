//! Responses that are no answers: what each is understood as, and what its message says.

use std::time::Duration;

use botticelli_llm::{ErrorClass, LlmError, Media, MediaKind, Message, Part, Request, Role, Timeouts};
use serde_json::json;

use crate::asking::question;
use crate::speech::{End, Failure, KEY, Speech, all};
use crate::stub::{Stub, response};

async fn failure(speech: &Speech, stub: &Stub) -> LlmError {
    match speech.client(stub.url()).generate(&question("Hi")).await {
        Ok(reply) => panic!("{}: {reply:?}", speech.wire),
        Err(error) => error,
    }
}

#[tokio::test]
async fn every_service_is_understood_in_its_own_words() {
    for speech in all() {
        for expected in (speech.failures)() {
            let stub = Speech::failing(&expected).await;
            let error = failure(&speech, &stub).await;
            let what = format!("{} {}: {error}", speech.wire, expected.body);
            assert_eq!(error.class, expected.class, "{what}");
            assert_eq!(error.retry_after, expected.retry_after, "{what}");
            assert_eq!(error.status, Some(expected.status), "{what}");
            assert_eq!(error.provider, "far", "{what}");
        }
    }
}

#[tokio::test]
async fn a_status_without_a_reason_says_enough() {
    let classes = [
        (400, ErrorClass::Invalid),
        (401, ErrorClass::Unauthorized),
        (402, ErrorClass::QuotaExhausted),
        (403, ErrorClass::Unauthorized),
        (404, ErrorClass::Invalid),
        (408, ErrorClass::Overloaded),
        (409, ErrorClass::Overloaded),
        (413, ErrorClass::TooLong),
        (422, ErrorClass::Invalid),
        (429, ErrorClass::RateLimited),
        (500, ErrorClass::Overloaded),
        (502, ErrorClass::Overloaded),
        (503, ErrorClass::Overloaded),
        (504, ErrorClass::Overloaded),
        (529, ErrorClass::Overloaded),
    ];
    for speech in all() {
        for (status, class) in classes {
            let stub = Stub::saying(status, (speech.complaint)(status, "Out of luck").to_string()).await;
            let error = failure(&speech, &stub).await;
            assert_eq!(error.class, class, "{} {status}: {error}", speech.wire);
            assert_eq!(error.status, Some(status), "{}", speech.wire);
            let text = error.to_string();
            assert!(
                text.contains("`far`") || text.contains("`small`"),
                "{} {status}: {text}",
                speech.wire
            );
            assert!(
                text.contains("Out of luck") && text.contains(&status.to_string()),
                "{} {status}: {text}",
                speech.wire
            );
        }
    }
}

#[tokio::test]
async fn an_error_while_streaming_is_asked_for_is_the_same_as_without() {
    for speech in all() {
        for expected in (speech.failures)() {
            let stub = Speech::failing(&expected).await;
            let model = speech.client(stub.url());
            let mut heard = Vec::new();
            let mut hear = |piece: &str| heard.push(piece.to_owned());
            let streamed = model.stream(&question("Hi"), &mut hear).await;
            assert_eq!(streamed, Err(failure(&speech, &stub).await), "{}", speech.wire);
            assert!(heard.is_empty(), "{}: {heard:?}", speech.wire);
        }
    }
}

#[tokio::test]
async fn the_service_s_own_word_on_repeating_wins() {
    for speech in all() {
        let never = Failure {
            headers: &[("x-should-retry", "false")],
            ..Failure::new(502, (speech.complaint)(502, "Never"), ErrorClass::Invalid)
        };
        let again = Failure {
            headers: &[("x-should-retry", "true"), ("retry-after", "3")],
            ..Failure::new(400, (speech.complaint)(400, "Again"), ErrorClass::Overloaded)
        };
        for expected in [never, again] {
            let error = failure(&speech, &Speech::failing(&expected).await).await;
            assert_eq!(error.class, expected.class, "{}: {error}", speech.wire);
        }
    }
}

#[tokio::test]
async fn a_wait_is_read_in_each_of_its_forms() {
    let forms: [(&[(&str, &str)], Duration); 4] = [
        (&[("retry-after", "20")], Duration::from_secs(20)),
        (&[("retry-after", "1.5")], Duration::from_millis(1500)),
        (
            &[("retry-after-ms", "250"), ("retry-after", "1")],
            Duration::from_millis(250),
        ),
        (
            &[
                ("date", "Wed, 21 Oct 2015 07:28:00 GMT"),
                ("retry-after", "Wed, 21 Oct 2015 07:28:30 GMT"),
            ],
            Duration::from_secs(30),
        ),
    ];
    for speech in all() {
        for (headers, wait) in forms {
            let body = (speech.complaint)(429, "Slow down").to_string();
            let error = failure(&speech, &Stub::playing(response(429, headers, body.as_bytes())).await).await;
            assert_eq!(error.class, ErrorClass::RateLimited, "{}: {error}", speech.wire);
            assert_eq!(error.retry_after, Some(wait), "{}: {headers:?}", speech.wire);
        }
    }
}

#[tokio::test]
async fn a_key_that_the_service_repeats_is_not_in_the_error() {
    for speech in all() {
        for status in [401, 429, 500] {
            let complaint = (speech.complaint)(status, &format!("Incorrect API key provided: {KEY}"));
            let error = failure(&speech, &Stub::saying(status, complaint.to_string()).await).await;
            let shown = format!("{error} {error:?}");
            assert!(
                shown.contains("[key]") && !shown.contains(KEY),
                "{}: {shown}",
                speech.wire
            );
        }
        let page = format!("<html>{KEY}</html>");
        let error = failure(&speech, &Stub::saying(200, &page).await).await;
        assert!(!format!("{error:?}").contains(KEY), "{}: {error:?}", speech.wire);
    }
}

#[tokio::test]
async fn a_header_s_secret_is_not_in_the_error_either() {
    for speech in all() {
        let stub = Stub::saying(403, (speech.complaint)(403, "No gate for tok-987654321").to_string()).await;
        let mut options = speech.options(stub.url());
        options.headers.insert("x-gate".to_owned(), "tok-987654321".into());
        let model = botticelli_llm::open(options).unwrap();
        let error = model.generate(&question("Hi")).await.unwrap_err();
        assert!(
            error.to_string().contains("No gate for [key]"),
            "{}: {error}",
            speech.wire
        );
        assert_eq!(stub.seen()[0].headers["x-gate"], "tok-987654321", "{}", speech.wire);
    }
}

#[tokio::test]
async fn a_page_of_a_failing_proxy_is_quoted_briefly() {
    for speech in all() {
        let page = format!("<html><body>Bad gateway{}</body></html>", " la".repeat(5000));
        let acts = response(502, &[("content-type", "text/html")], page.as_bytes());
        let error = failure(&speech, &Stub::playing(acts).await).await;
        let text = error.to_string();
        assert_eq!(error.class, ErrorClass::Overloaded, "{}: {text}", speech.wire);
        assert!(
            text.contains("Bad gateway") && text.len() < 400,
            "{}: {text}",
            speech.wire
        );
    }
}

#[tokio::test]
async fn a_failure_of_ten_megabytes_is_understood_by_its_status() {
    for speech in all() {
        let error = failure(&speech, &Stub::saying(503, "x".repeat(10 * 1024 * 1024)).await).await;
        assert_eq!(error.class, ErrorClass::Overloaded, "{}: {}", speech.wire, error.class);
        assert!(error.to_string().len() < 400, "{}", speech.wire);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_names_the_setting() {
    for speech in all() {
        let stub = Stub::playing(response(302, &[("location", "http://127.0.0.1:1/")], b"")).await;
        let error = failure(&speech, &stub).await;
        assert_eq!(error.class, ErrorClass::Invalid, "{}: {error}", speech.wire);
        assert!(error.detail.contains("base_url"), "{}: {error}", speech.wire);
        assert_eq!(stub.seen().len(), 1, "{}", speech.wire);
    }
}

#[tokio::test]
async fn an_unknown_model_is_named_and_another_provider_may_know_it() {
    for speech in all() {
        let error = failure(
            &speech,
            &Stub::saying(404, (speech.complaint)(404, "No such model").to_string()).await,
        )
        .await;
        assert!(error.detail.contains("`small`"), "{}: {error}", speech.wire);
        assert!(error.may_fall_back() && !error.class.is_transient(), "{}", speech.wire);
    }
}

#[tokio::test]
async fn the_provider_s_name_for_a_failed_call_is_in_the_message() {
    for speech in all() {
        let body = (speech.complaint)(500, "Oops").to_string();
        let stub = Stub::playing(response(500, &[("request-id", "req_9")], body.as_bytes())).await;
        let error = failure(&speech, &stub).await;
        assert!(error.detail.contains("`req_9`"), "{}: {error}", speech.wire);
    }
}

#[tokio::test]
async fn a_schema_that_is_not_one_is_refused_before_the_service_is_asked() {
    for speech in all() {
        let stub = speech.answering("{}", End::Stop).await;
        let request = Request {
            schema: Some(json!({"type": "strin"}).into()),
            ..question("Post!")
        };
        let error = speech.client(stub.url()).generate(&request).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Invalid, "{}: {error}", speech.wire);
        assert!(stub.seen().is_empty(), "{}", speech.wire);
    }
}

#[tokio::test]
async fn a_kind_of_file_that_a_service_does_not_take_is_unsupported_before_it_is_asked() {
    let kinds = [
        (MediaKind::Image, "image/png"),
        (MediaKind::Audio, "audio/wav"),
        (MediaKind::Video, "video/mp4"),
        (MediaKind::Document, "application/pdf"),
    ];
    let mut refused = Vec::new();
    for speech in all() {
        for (kind, mime) in kinds {
            let stub = speech.answering("I see.", End::Stop).await;
            let media = Media {
                kind,
                mime: mime.to_owned(),
                filename: None,
                bytes: [1, 2, 3].into(),
            };
            let turn = Message::of(Role::User, [Part::Media(media.into())]);
            let request = Request::of([turn], Timeouts::within(Duration::from_mins(1)));
            let model = speech.client(stub.url());
            let outcome = model.generate(&request).await;
            assert_eq!(
                outcome.is_ok(),
                model.takes(kind),
                "{} {kind}: {outcome:?}",
                speech.wire
            );
            assert_eq!(
                stub.seen().len(),
                usize::from(model.takes(kind)),
                "{} {kind}",
                speech.wire
            );
            if let Err(error) = outcome {
                assert_eq!(error.class, ErrorClass::Unsupported, "{}: {error}", speech.wire);
                assert!(error.detail.contains(kind.as_str()), "{}: {error}", speech.wire);
                refused.push(format!("{} {kind}", speech.wire));
            }
        }
    }
    assert_eq!(
        refused,
        [
            "openai video",
            "openai_responses audio",
            "openai_responses video",
            "anthropic audio",
            "anthropic video",
            "ollama audio",
            "ollama video",
            "ollama document",
        ]
    );
}
