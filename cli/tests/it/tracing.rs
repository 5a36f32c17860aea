//! One trace from the tick to the message, across processes.

use botticelli_testkit::{CollectedSpan, StubCollector};

use crate::stage::{Stage, pipeline};

#[tokio::test]
async fn one_trace_leads_from_the_tick_of_generation_to_the_published_message() {
    let mut stage = Stage::new(&pipeline("immediate", "discord")).await;
    stage.collector = Some(StubCollector::start().await);
    let (_scheduler, _worker) = tokio::join!(stage.scheduler(), stage.worker());
    stage.discord.message(1).await;

    let collector = stage.collector.as_ref().unwrap();
    let spans = collector.spans_when(|spans| of(spans, "publish").is_some()).await;
    let publish = of(&spans, "publish").unwrap().clone();
    let trace = |spans: &[CollectedSpan]| -> Vec<CollectedSpan> {
        spans
            .iter()
            .filter(|span| span.trace_id == publish.trace_id)
            .cloned()
            .collect()
    };
    // The root may arrive after what it led to: it is another process's.
    let spans = collector
        .spans_when(|spans| of(&trace(spans), "tick").is_some_and(|_| jobs(&trace(spans)) >= 3))
        .await;
    let trace = trace(&spans);
    let tick = of(&trace, "tick").unwrap();
    assert_eq!(tick.parent_span_id, "", "the tick is the root");
    assert_eq!(jobs(&trace), 3, "generation, curation and posting: {trace:#?}");
    assert!(trace.iter().any(|span| span.name == "act.run"), "{trace:#?}");
    let posting = trace
        .iter()
        .find(|span| span.span_id == publish.parent_span_id)
        .unwrap();
    assert_eq!(posting.name, "job.run");
    assert!(
        publish.linked_trace_ids.contains(&publish.trace_id),
        "linked to the trace that wrote the post"
    );
}

fn of<'a>(spans: &'a [CollectedSpan], name: &str) -> Option<&'a CollectedSpan> {
    spans.iter().find(|span| span.name == name)
}

fn jobs(spans: &[CollectedSpan]) -> usize {
    spans.iter().filter(|span| span.name == "job.run").count()
}
