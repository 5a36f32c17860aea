//! Actors: kinds, defaults, names, channels, and the chain that `after` builds.

use botticelli_settings::{ActorKind, ActorSettings, PlatformName, Settings};

use crate::{TestResult, load, refusal};

/// An actor's section with further lines.
fn section(name: &str, lines: &str) -> String {
    format!("[actors.{name}]\nnarrative = \"n.toml\"\nnarrative_name = \"n\"\n{lines}\n")
}

fn actor<'a>(settings: &'a Settings, name: &str) -> Result<&'a ActorSettings, String> {
    settings.actors.get(name).ok_or_else(|| format!("no actor `{name}`"))
}

#[test]
fn the_kind_is_the_name_when_that_is_a_kind_and_else_narrative() -> TestResult {
    let names = ["generation", "curation", "posting", "digest", "narrative"];
    let text = names.map(|name| section(name, "")).concat() + &section("night_shift", "kind = \"generation\"");
    let settings = load(&text, &[])?;
    for (name, kind) in [
        ("generation", ActorKind::Generation),
        ("curation", ActorKind::Curation),
        ("posting", ActorKind::Posting),
        ("digest", ActorKind::Narrative),
        ("narrative", ActorKind::Narrative),
        ("night_shift", ActorKind::Generation),
    ] {
        assert_eq!(actor(&settings, name)?.kind, kind, "{name}");
    }
    Ok(())
}

#[test]
fn an_actor_with_nothing_but_its_narrative_has_the_defaults() -> TestResult {
    let text = ["generation", "curation", "posting"]
        .map(|name| section(name, ""))
        .concat();
    let settings = load(&text, &[])?;
    let generation = actor(&settings, "generation")?;
    assert_eq!(generation.schedule.as_str(), "manual");
    assert_eq!(generation.platform, PlatformName::Noop);
    assert_eq!(generation.channel_id, None);
    assert!(generation.enabled && generation.after.is_empty());
    assert_eq!((generation.max_waiting.get(), generation.slots.get()), (20, 1));
    assert_eq!(
        (generation.breaker_failures.get(), generation.breaker_cooldown.as_secs()),
        (5, 900)
    );
    assert_eq!(actor(&settings, "curation")?.limit.get(), 10);
    assert_eq!(actor(&settings, "curation")?.min_score, 6);
    assert_eq!(actor(&settings, "posting")?.limit.get(), 1);
    Ok(())
}

#[test]
fn a_name_outside_the_grammar_is_refused() -> TestResult {
    let long = "a".repeat(64);
    for name in ["Posting", "1st", "_a", "a.b", "a b", "ä", long.as_str()] {
        let refused = refusal(&section(&format!("\"{name}\""), ""), &[])?;
        let expected = format!(
            "`botticelli.toml`:1:9: key `actors.{name}`: `{name}` is not a name for an actor; write a lowercase letter, then up to 62 of `a-z`, `0-9`, `_` and `-`"
        );
        assert_eq!(refused, expected);
    }
    let settings = load(&section(&"a".repeat(63), ""), &[])?;
    assert_eq!(settings.actors.len(), 1);
    Ok(())
}

#[test]
fn a_channel_that_cannot_be_used_is_refused_with_the_way_out() -> TestResult {
    for (lines, expected) in [
        (
            "platform = \"discord\"",
            "1:9: key `actors.night-shift.channel_id`: platform `discord` needs it; write the channel's number in quotes",
        ),
        (
            "platform = \"discord\"\nchannel_id = \"${CHANNEL}\"",
            "5:14: key `actors.night-shift.channel_id`: `${CHANNEL}` is not filled in from the environment; remove it and set `BOTTICELLI_ACTORS_NIGHT_SHIFT_CHANNEL_ID`",
        ),
        (
            "platform = \"discord\"\nchannel_id = \"#general\"",
            "5:14: key `actors.night-shift.channel_id`: `#general` is not a Discord channel; write its number, digits only",
        ),
    ] {
        assert_eq!(
            refusal(&section("night-shift", lines), &[])?,
            format!("`botticelli.toml`:{expected}")
        );
    }
    Ok(())
}

#[test]
fn a_channel_from_the_environment_is_enough() -> TestResult {
    let env = [("BOTTICELLI_ACTORS_NIGHT_SHIFT_CHANNEL_ID", "987654321")];
    let settings = load(&section("night-shift", "platform = \"discord\""), &env)?;
    assert_eq!(
        actor(&settings, "night-shift")?.channel_id.as_deref(),
        Some("987654321")
    );
    Ok(())
}

#[test]
fn a_key_without_effect_for_the_kind_is_refused() -> TestResult {
    for (name, line, expected) in [
        (
            "posting",
            "min_score = 5",
            "min_score`: it has no effect for kind `posting`, only for `curation`; remove it",
        ),
        (
            "curation",
            "max_waiting = 5",
            "max_waiting`: it has no effect for kind `curation`, only for `generation`; remove it",
        ),
        (
            "digest",
            "limit = 5",
            "limit`: it has no effect for kind `narrative`, only for `curation` and `posting`; remove it",
        ),
    ] {
        let (key, _) = line.split_once(" = ").ok_or("no value")?;
        let column = key.len() + 4;
        let expected = format!("`botticelli.toml`:4:{column}: key `actors.{name}.{expected}");
        assert_eq!(refusal(&section(name, line), &[])?, expected);
    }
    Ok(())
}

#[test]
fn values_out_of_range_are_refused() -> TestResult {
    for (name, line, expected) in [
        ("curation", "min_score = 0", "min_score`: 0 is not a score from 1 to 10"),
        (
            "curation",
            "min_score = 11",
            "min_score`: 11 is not a score from 1 to 10",
        ),
        ("posting", "limit = 101", "limit`: 101 posts are more than 100"),
        (
            "posting",
            "breaker_cooldown = \"0s\"",
            "breaker_cooldown`: the duration must be longer than zero",
        ),
        (
            "posting",
            "slots = 0",
            "slots`: invalid value: integer `0`, expected a whole number from 1 to 65535",
        ),
    ] {
        let refused = refusal(&section(name, line), &[])?;
        assert!(
            refused.ends_with(&format!("key `actors.{name}.{expected}")),
            "{refused}"
        );
    }
    let empty = "[actors.a]\nnarrative = \" \"\nnarrative_name = \"n\"\n";
    assert_eq!(
        refusal(empty, &[])?,
        "`botticelli.toml`:2:13: key `actors.a.narrative`: the text is empty"
    );
    Ok(())
}

#[test]
fn an_after_that_names_no_actor_is_refused_with_a_suggestion() -> TestResult {
    for (after, expected) in [
        (
            "[\"generaton\"]",
            "no actor is called `generaton`; did you mean `generation`?",
        ),
        ("[\"xyz\"]", "no actor is called `xyz`"),
        ("[\"generation\", \"generation\"]", "`generation` is named twice"),
    ] {
        let text = section("generation", "") + &section("curation", &format!("after = {after}"));
        assert_eq!(
            refusal(&text, &[])?,
            format!("`botticelli.toml`:8:9: key `actors.curation.after`: {expected}")
        );
    }
    Ok(())
}

#[test]
fn an_after_that_leads_back_is_refused_once_per_circle() -> TestResult {
    let own = section("a", "after = [\"a\"]");
    let expected = "`botticelli.toml`:4:9: key `actors.a.after`: `a` after `a` would never stop; remove one of them";
    assert_eq!(refusal(&own, &[])?, expected);

    let three = section("a", "after = [\"b\"]") + &section("b", "after = [\"c\"]") + &section("c", "after = [\"a\"]");
    let expected = "`botticelli.toml`:4:9: key `actors.a.after`: `a` after `b` after `c` after `a` would never stop; remove one of them";
    assert_eq!(refusal(&three, &[])?, expected);
    Ok(())
}

#[test]
fn two_ways_to_the_same_actor_are_no_circle() -> TestResult {
    let text = section("a", "")
        + &section("b", "after = [\"a\"]")
        + &section("c", "after = [\"a\"]")
        + &section("d", "after = [\"b\", \"c\"]");
    assert_eq!(load(&text, &[])?.actors.len(), 4);
    Ok(())
}

#[test]
fn an_actor_may_have_tries_and_delays_of_its_own() -> TestResult {
    let settings = load(
        "[queue]\nmax_attempts = 4\n[actors.posting]\nnarrative = \"n\"\nnarrative_name = \"n\"\nmax_attempts = 9\nbackoff_cap = \"1h\"\n",
        &[],
    )?;
    let actor = &settings.actors["posting"];
    assert_eq!(
        (
            actor.max_attempts.get(),
            actor.backoff_base.as_secs(),
            actor.backoff_cap.as_secs()
        ),
        (9, 2, 3600)
    );
    let text =
        "[actors.posting]\nnarrative = \"n\"\nnarrative_name = \"n\"\nmax_attempts = 1001\nbackoff_cap = \"1s\"\n";
    let refused = refusal(text, &[])?;
    assert!(
        refused.contains("key `actors.posting.max_attempts`: 1001 attempts are more than 1000"),
        "{refused}"
    );
    assert!(
        refused.contains("set `backoff_base` and `backoff_cap` together"),
        "{refused}"
    );
    Ok(())
}

#[test]
fn a_schedule_may_be_a_list_and_has_a_time_zone() -> TestResult {
    let section = |keys: &str| format!("[actors.a]\nnarrative = \"a.toml\"\nnarrative_name = \"a\"\n{keys}\n");
    let keys = "schedule = [\"0 9 * * *\", \"except 2026-12-24\"]\ntimezone = \"Europe/Berlin\"";
    let settings = load(&section(keys), &[])?;
    let actor = &settings.actors["a"];
    assert_eq!(actor.schedule.as_str(), "0 9 * * *; except 2026-12-24");
    assert_eq!(actor.schedule.zone(), "Europe/Berlin".parse()?);
    assert_eq!(
        refusal(&section("schedule = [\"0 9 * * *\", 7]"), &[])?,
        "`botticelli.toml`:4:26: key `actors.a.schedule[1]`: invalid type: integer `7`, expected a string"
    );
    assert_eq!(
        refusal(&section("windows = [\"8-20\"]"), &[])?,
        "`botticelli.toml`:4:11: key `actors.a.windows`: window `8-20`: `8-20` is no day; write `08:00-20:00`, `MON-FRI 08:00-20:00`, `SAT,SUN`, `2026-12-24` or `2026-12-24..2027-01-01`"
    );
    assert_eq!(
        refusal(&section("starts_at = \"2026-12-01\""), &[])?,
        "`botticelli.toml`:4:13: key `actors.a.starts_at`: `2026-12-01` is no moment from 1970 to 2100 with its zone; write one such as `2026-12-01T09:00:00+01:00`"
    );
    let date = refusal(&section("starts_at = 2026-12-01T00:00:00Z"), &[])?;
    assert!(
        date.contains("expected a moment in quotes such as \"2026-12-01T09:00:00+01:00\""),
        "{date}"
    );
    let bounds = "schedule = \"@daily\"\nstarts_at = \"2026-12-01T00:00:00Z\"\nends_at = \"2026-12-02T00:00:00Z\"";
    let settings = load(&section(bounds), &[])?;
    let next = |after: &str| -> Result<_, chrono::ParseError> { Ok(settings.actors["a"].next_tick(after.parse()?)) };
    assert_eq!(next("2026-11-01T00:00:00Z")?, Some("2026-12-01T00:00:00Z".parse()?));
    assert_eq!(next("2026-12-01T00:00:00Z")?, Some("2026-12-02T00:00:00Z".parse()?));
    assert_eq!(next("2026-12-02T00:00:00Z")?, None);
    let bounds = "starts_at = \"2026-12-01T01:00:00+01:00\"\nends_at = \"2026-11-30T23:59:59Z\"";
    assert_eq!(
        refusal(&section(bounds), &[])?,
        "`botticelli.toml`:5:11: key `actors.a.ends_at`: it lies before `starts_at`, so that there would be no tick"
    );
    assert_eq!(
        refusal(&section("overlap = \"bufer_one\""), &[])?,
        "`botticelli.toml`:4:11: key `actors.a.overlap`: unknown value `bufer_one`; did you mean `buffer_one`?"
    );
    assert_eq!(
        refusal(&section("schedule = 7"), &[])?,
        "`botticelli.toml`:4:12: key `actors.a.schedule`: invalid type: integer `7`, expected a schedule such as \"every 2 hours\", or a list of them"
    );
    assert_eq!(
        refusal(&section("timezone = \"Europe/Berln\""), &[])?,
        "`botticelli.toml`:4:12: key `actors.a.timezone`: `Europe/Berln` is no time zone; did you mean `Europe/Berlin`?"
    );
    Ok(())
}
