//! A file of the wrong shape is refused with the place and, where there is one, the right spelling.

use crate::{TestResult, refusal};

#[test]
fn an_unknown_key_is_refused_with_a_suggestion() -> TestResult {
    for (text, expected) in [
        (
            "[queue]\nleese = \"8s\"\n",
            "`botticelli.toml`:2:1: unknown key `leese`; did you mean `lease`?",
        ),
        (
            "[sever]\n",
            "`botticelli.toml`:1:2: unknown key `sever`; did you mean `server`?",
        ),
        (
            "[actors.a]\nnarrative = \"a.toml\"\nnarrative_name = \"a\"\nshedule = \"manual\"\n",
            "`botticelli.toml`:4:1: unknown key `shedule`; did you mean `schedule`?",
        ),
        (
            "[discord]\ntoken = \"x\"\n",
            "`botticelli.toml`:2:1: unknown key `token`; the keys here are `base_url`, `token_file`",
        ),
    ] {
        assert_eq!(refusal(text, &[])?, expected);
    }
    Ok(())
}

#[test]
fn a_value_of_the_wrong_type_is_refused_with_its_key() -> TestResult {
    for (text, expected) in [
        (
            "[server]\napi_port = 70000\n",
            "`botticelli.toml`:2:12: key `server.api_port`: invalid value: integer `70000`, expected a whole number from 0 to 65535",
        ),
        (
            "[queue]\nmax_attempts = 0\n",
            "`botticelli.toml`:2:16: key `queue.max_attempts`: invalid value: integer `0`, expected a whole number from 1 to 65535",
        ),
        (
            "[queue]\nlease = \"8\"\n",
            "`botticelli.toml`:2:9: key `queue.lease`: duration `8`: `8` has no unit; write `8s`, `8m` or `8h`",
        ),
        (
            "[llm]\nbackend = \"openia\"\n",
            "`botticelli.toml`:2:11: key `llm.backend`: unknown value `openia`; did you mean `openai`?",
        ),
    ] {
        assert_eq!(refusal(text, &[])?, expected);
    }
    Ok(())
}

#[test]
fn an_actor_without_a_narrative_is_refused() -> TestResult {
    let expected = "`botticelli.toml`:1:9: key `actors.a.narrative`: it is missing; every actor needs it";
    assert_eq!(refusal("[actors.a]\nnarrative_name = \"a\"\n", &[])?, expected);
    Ok(())
}

#[test]
fn all_mistakes_are_told_at_once_whatever_their_kind_and_each_once() -> TestResult {
    let text = r#"
[queue]
leese = "8s"
max_attempts = "many"
backoff_base = "10m"
backoff_cap = "1m"
[sever]
[actors.a]
narrative = 7
schedule = "every tuesday"
[actors.b]
kind = "generaton"
narrative = "b.toml"
after = ["c"]
"#;
    let refused = refusal(text, &[("BOTTICELLI_LLM_MODLE", "x")])?;
    let lines: Vec<&str> = refused
        .lines()
        .filter(|line| !line.starts_with(' ') && !line.starts_with("write "))
        .collect();
    for (line, begins) in lines.iter().zip([
        "11 problems in the settings",
        "`botticelli.toml`:3:1: unknown key `leese`",
        "`botticelli.toml`:4:16: key `queue.max_attempts`: invalid type",
        "`botticelli.toml`:6:15: key `queue.backoff_cap`: ",
        "`botticelli.toml`:7:2: unknown key `sever`",
        "`botticelli.toml`:8:9: key `actors.a.narrative_name`: it is missing",
        "`botticelli.toml`:9:13: key `actors.a.narrative`: invalid type",
        "`botticelli.toml`:10:12: key `actors.a.schedule`: schedule `every tuesday`",
        "`botticelli.toml`:11:9: key `actors.b.narrative_name`: it is missing",
        "`botticelli.toml`:12:8: key `actors.b.kind`: unknown value `generaton`",
        "`botticelli.toml`:14:9: key `actors.b.after`: no actor is called `c`",
        "environment variable `BOTTICELLI_LLM_MODLE`: ",
    ]) {
        assert!(line.starts_with(begins), "{begins}\n{refused}");
    }
    Ok(())
}

#[test]
fn broken_toml_is_refused_with_its_place() -> TestResult {
    let refused = refusal("[server]\napi_port = \n", &[])?;
    assert!(refused.starts_with("`botticelli.toml`:2:12: "), "{refused}");
    Ok(())
}
