//! Names in texts are checked before anything is played.

use crate::refusals::{check, refusal};

#[test]
fn templates_name_what_exists_and_comes_before() {
    let document = |prompt: &str| {
        format!(
            "[narrative.n]\ntoc = ['first', 'second', 'third']\n[acts]\nfirst = 'F'\nthird = 'T'\n[acts.second]\ninput = ['{prompt}']\n"
        )
    };
    for (prompt, expected) in [
        (
            "About {{frst}}",
            "`n.toml`:7:17: unknown name `frst`; did you mean `first`?",
        ),
        (
            "{{third}}",
            "`n.toml`:7:11: act `third` has no reply yet here; it must stand earlier in the `toc`",
        ),
        (
            "{{second}}",
            "`n.toml`:7:11: act `second` has no reply yet here; it must stand earlier in the `toc`",
        ),
        (
            "{{first.json.x}}",
            "`n.toml`:7:11: the reply of act `first` is not JSON; give the act a `schema`, or write `{{first}}`",
        ),
        (
            "${first.text}",
            "`n.toml`:7:11: `first.text`: only `.json` and a path in it, such as `.json.tags.0`, may follow an act's name",
        ),
        (
            "Dear {{name",
            "`n.toml`:7:16: `{{` is never closed by `}}`; for the braces themselves write `{{{{`",
        ),
        (
            "${env:HOME}",
            "`n.toml`:7:11: `env:` is not available in a narrative; pass the value to the run as `args.KEY`",
        ),
        (
            "${state:id}",
            "`n.toml`:7:11: `state:` is not available in a narrative; pass the value to the run as `args.KEY`",
        ),
        (
            "{{ }}",
            "`n.toml`:7:11: `` is not a name; for the braces themselves write `{{{{` or `$${`",
        ),
        (
            "{{args}}",
            "`n.toml`:7:11: `args` wants the argument's name: write `args.KEY`",
        ),
        (
            "{{args.a b}}",
            "`n.toml`:7:11: `args.a b` is not an argument; write `args.KEY` with letters, digits, `_` and `-`",
        ),
        (
            "{{first|x}}",
            "`n.toml`:7:11: `first` cannot have a text after `|`; only `args.KEY` can",
        ),
        (
            "{{iteration.json}}",
            "`n.toml`:7:11: `iteration` is a number; nothing may follow it",
        ),
    ] {
        assert_eq!(refusal(&document(prompt)), expected, "{prompt}");
    }
    check(&[
        (
            "[acts]\na = '{{previous}}'\n",
            "`n.toml`:4:6: the first act has no `previous` one",
        ),
        (
            "system = 'You know {{a}}'\n[acts]\na = 'A'\n",
            "`n.toml`:3:20: act `a` has no reply yet here; it must stand earlier in the `toc`",
        ),
    ]);
}

#[test]
fn paths_into_json_are_checked_against_the_schema() {
    let document = |path: &str| {
        format!(
            "[narrative.n]\ntoc = ['p', 'q']\n[acts]\nq = '{{{{p.json.{path}}}}}'\n[acts.p]\ninput = ['P']\n[acts.p.schema]\ntype = 'object'\nproperties = {{ title = {{ type = 'string' }}, tags = {{ type = 'array', items = {{ type = 'string' }} }}, any = {{}} }}\n"
        )
    };
    for path in ["title", "tags", "tags.0", "any.thing.3"] {
        assert_eq!(refusal(&document(path)), "accepted: [\"n\"]", "{path}");
    }
    for (path, expected) in [
        (
            "titel",
            "`n.toml`:4:6: the schema of act `p` has no `titel` there; did you mean `title`?",
        ),
        (
            "tags.first",
            "`n.toml`:4:6: the schema of act `p` has no `first` there; there are none",
        ),
        (
            "title.x",
            "`n.toml`:4:6: the schema of act `p` has no `x` there; there are none",
        ),
    ] {
        assert_eq!(refusal(&document(path)), expected);
    }
}
