//! Asking models: one after the other where one fails, and again where an answer cannot be used.

use std::borrow::Cow;

use botticelli_llm::{ErrorClass, LlmError, Message, Reply, Request, Usage};
use tracing::Span;

use super::{ActFailure, answer, answer::Usable};
use crate::{
    narrative::{Answer, AskedModel, Budget, Capture, ModelChoice, Spend, Target},
    ports::{PlannedCall, Ports, Receipt, Reserved, Route, Ticket},
};

/// What a picture, sound, film or document is taken to cost before the provider has counted it. Gemini and `OpenAI` count a
/// picture of usual size as 258 to some 1,500 tokens.
const TOKENS_OF_A_MEDIUM: u64 = 1_000;

/// A question that is ready to be sent.
pub(super) struct Asked<'a> {
    pub(super) narrative: &'a str,
    pub(super) act: &'a str,
    pub(super) step: &'a str,
    pub(super) request: Request,
    pub(super) models: &'a [AskedModel],
    pub(super) answer: &'a Answer,
    /// The table that the answer is rows of.
    pub(super) target: Option<&'a Target>,
    /// Parts that the answer must have.
    pub(super) captures: &'a [Capture],
    pub(super) repairs: u32,
    pub(super) budget: Budget,
    pub(super) of_act: Spend,
    pub(super) of_run: Spend,
}

/// What was answered, and what it took.
pub(super) struct Answered {
    pub(super) usable: Usable,
    pub(super) reply: Reply,
    pub(super) provider: String,
    pub(super) prompt_hash: String,
    /// What all calls cost, failed ones included as far as that is known.
    pub(super) usage: Usage,
    pub(super) calls: u32,
    /// Answers that could not be used.
    pub(super) discarded: Vec<String>,
    pub(super) receipt: Receipt,
}

/// Asks until there is an answer that can be used.
pub(super) async fn ask(ports: &Ports<'_>, asked: Asked<'_>) -> Result<Answered, ActFailure> {
    let mut tally = Tally::default();
    let mut last: Option<ActFailure> = None;
    // Files may be long, and whom it is asked does not count.
    let prompt_hash = asked.request.prompt_hash();
    for AskedModel { choice, .. } in asked.models {
        let failure = match ask_one(ports, &asked, &prompt_hash, choice, &mut tally).await {
            Ok(answered) => return Ok(answered),
            Err(failure) => failure,
        };
        let goes_on = match &failure {
            ActFailure::Model(error) => error.may_fall_back(),
            ActFailure::NoModel(_) | ActFailure::Wait { .. } => true,
            _ => false,
        };
        tracing::warn!(
            act.name = asked.act,
            llm.provider = choice.provider,
            llm.model = choice.model,
            error = %failure,
            "A choice of model came to nothing"
        );
        last = Some(match last {
            Some(earlier) => more_telling(earlier, failure),
            None => failure,
        });
        if !goes_on {
            break;
        }
    }
    Err(last.unwrap_or_else(|| ActFailure::NoModel("the act names no model".to_owned())))
}

/// Which of the failures of two choices says how the act failed.
fn more_telling(earlier: ActFailure, later: ActFailure) -> ActFailure {
    let is_paid = |failure: &ActFailure| matches!(failure, ActFailure::Model(error) if error.is_paid());
    let is_wait = |failure: &ActFailure| match failure {
        ActFailure::Wait { .. } => true,
        ActFailure::Model(error) => error.class == ErrorClass::RateLimited,
        _ => false,
    };
    match (&earlier, &later) {
        // A wait costs the run no try, and whoever comes back asks all of them again: what was paid for must cost one.
        _ if is_paid(&later) => later,
        _ if is_paid(&earlier) && is_wait(&later) => earlier,
        (_, ActFailure::NoModel(_)) => earlier,
        // A limit that passes says more about when to come back than an outage of the next choice.
        (ActFailure::Wait { .. }, ActFailure::Model(error)) if error.class.is_transient() => earlier,
        _ => later,
    }
}

#[derive(Default)]
struct Tally {
    usage: Usage,
    calls: u32,
    discarded: Vec<String>,
}

/// Asks one model, and tells it what is wrong with an answer that cannot be used.
async fn ask_one(
    ports: &Ports<'_>,
    asked: &Asked<'_>,
    prompt_hash: &str,
    choice: &ModelChoice,
    tally: &mut Tally,
) -> Result<Answered, ActFailure> {
    let route = ports.models.route(choice).map_err(ActFailure::NoModel)?;
    let mut request = asked.request.clone();
    request.model.clone_from(&route.name);
    let mut sent_hash = Cow::Borrowed(prompt_hash);
    let mut repairs = asked.repairs;
    loop {
        let ticket = reserve(ports, asked, &route, &request, &sent_hash).await?;
        tally.calls += 1;
        let result = call(ports, asked, &route, &request).await;
        let provider = route.model.provider();
        let read = result.and_then(|reply| {
            answer::read(asked.answer, asked.captures, &reply, provider).map(|usable| (usable, reply))
        });
        let read = match read {
            Ok((usable, reply)) => match refusal(ports, asked, &usable).await {
                Some(why) => Err(answer::unusable(&reply, provider, &why)),
                None => Ok((usable, reply)),
            },
            Err(error) => Err(error),
        };
        let error = match read {
            Ok((usable, reply)) => {
                tally.usage += reply.usage;
                let receipt = Receipt {
                    ticket,
                    provider: provider.to_owned(),
                    model: reply.model.clone(),
                    usage: reply.usage,
                    request_id: reply.request_id.clone(),
                    remaining: reply.remaining,
                };
                return Ok(Answered {
                    usable,
                    provider: provider.to_owned(),
                    prompt_hash: prompt_hash.to_owned(),
                    usage: tally.usage,
                    calls: tally.calls,
                    discarded: std::mem::take(&mut tally.discarded),
                    receipt,
                    reply,
                });
            }
            Err(error) => error,
        };
        tally.usage += error.usage.unwrap_or_default();
        if let Err(unrecorded) = ports.ledger.fail(ticket, &error).await {
            // The call is over, and what is still open of it the ledger gives up by itself, as if all that was set aside had been
            // used.
            tracing::warn!(act.name = asked.act, error = %unrecorded, "A failed call could not be recorded");
        }
        let Some(bad) = error.answer.clone().filter(|_| error.class == ErrorClass::Malformed) else {
            return Err(error.into());
        };
        if repairs == 0 || matches!(asked.answer, Answer::Text) || bad.trim().is_empty() {
            tally.discarded.push(bad);
            return Err(error.into());
        }
        repairs -= 1;
        request.messages.push(Message::assistant(bad.as_str()));
        request.messages.push(Message::user(answer::complaint(&error.detail)));
        sent_hash = Cow::Owned(request.prompt_hash());
        tally.discarded.push(bad);
    }
}

/// Why an answer cannot be what is kept of it. That this could not be told is no reason to lose a paid answer.
async fn refusal(ports: &Ports<'_>, asked: &Asked<'_>, usable: &Usable) -> Option<String> {
    let refusal = ports.tables.refusal(asked.target?, usable.json.as_ref()).await;
    refusal.unwrap_or_else(|error| {
        tracing::warn!(act.name = asked.act, %error, "Could not look whether an answer can be stored");
        None
    })
}

async fn reserve(
    ports: &Ports<'_>,
    asked: &Asked<'_>,
    route: &Route<'_>,
    request: &Request,
    prompt_hash: &str,
) -> Result<Ticket, ActFailure> {
    let media: u64 = request.messages.iter().flat_map(Message::media).map(|_| 1).sum();
    let planned = PlannedCall {
        narrative: asked.narrative,
        act: asked.act,
        step: asked.step,
        provider: route.model.provider(),
        model: route.name.as_deref().or_else(|| route.model.own_model()),
        prompt_hash,
        input_tokens: Usage::estimated(request, "").input_tokens + media * TOKENS_OF_A_MEDIUM,
        max_output_tokens: request.max_tokens,
        timeout: request.timeouts.total,
        budget: asked.budget,
        of_act: asked.of_act,
        of_run: asked.of_run,
    };
    match ports.ledger.reserve(&planned).await.map_err(ActFailure::Ledger)? {
        Reserved::Granted(ticket) => Ok(ticket),
        Reserved::Wait { after, why } => Err(ActFailure::Wait { why, after }),
        Reserved::Exhausted { why, after } => Err(ActFailure::Exhausted { why, after }),
    }
}

async fn call(ports: &Ports<'_>, asked: &Asked<'_>, route: &Route<'_>, request: &Request) -> Result<Reply, LlmError> {
    let audience = ports.audience;
    let reply = if audience.wants_pieces() {
        let mut tell = |piece: &str| audience.said(asked.step, piece);
        route.model.stream(request, &mut tell).await?
    } else {
        route.model.generate(request).await?
    };
    let span = Span::current();
    span.record("llm.model", reply.model.as_str());
    span.record("llm.tokens_in", reply.usage.input_tokens);
    span.record("llm.tokens_out", reply.usage.output_tokens);
    Ok(reply)
}
