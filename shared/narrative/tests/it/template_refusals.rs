//! Names in texts are checked before anything is played.

use crate::refusals::{check, check_all, refusal};

#[test]
fn templates_name_what_exists_and_comes_before() {
    let document = |prompt: &str| {
        format!(
            "[narrative.n]\ntoc = ['first', 'second', 'third']\n[acts]\nfirst = 'F'\nthird = 'T'\n[acts.second]\ninput = ['{prompt}']\n"
        )
    };
    let cases = [
        (
            "About {{frst}}",
            "`n.toml`:7:19: unknown name `frst`; did you mean `first`?",
        ),
        (
            "{{third}}",
            "`n.toml`:7:13: act `third` has no reply yet here; it must stand earlier in the `toc`",
        ),
        (
            "{{second}}",
            "`n.toml`:7:13: act `second` has no reply yet here; it must stand earlier in the `toc`",
        ),
        (
            "Dear {{name",
            "`n.toml`:7:16: `{{` is never closed by `}}`; for the signs themselves write `{{ \"{{\" }}`",
        ),
        (
            "{{ }}",
            "`n.toml`:7:14: this is not a template: unexpected end of variable block",
        ),
        (
            "{{args}}",
            "`n.toml`:7:13: `args` wants the argument's name: write `args.KEY`",
        ),
        (
            "{{args.a b}}",
            "`n.toml`:7:20: this is not a template: unexpected identifier, expected end of variable block",
        ),
        (
            "{{first|x}}",
            "`n.toml`:7:19: unknown filter `x`; the filters and tests are those of Jinja",
        ),
        (
            "{{iteration.json}}",
            "`n.toml`:7:13: `iteration` is a number; nothing may follow it",
        ),
    ]
    .map(|(prompt, expected)| (document(prompt), expected));
    check_all(&cases);
    check(&[
        (
            "[acts]\na = '{{previous}}'\n",
            "`n.toml`:4:8: the first act has no `previous` one",
        ),
        (
            "system = 'You know {{a}}'\n[acts]\na = 'A'\n",
            "`n.toml`:3:22: act `a` has no reply yet here; it must stand earlier in the `toc`",
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
    let cases = [
        (
            "titel",
            "`n.toml`:4:8: the schema of act `p` has no `titel` there; did you mean `title`?",
        ),
        (
            "tags.first",
            "`n.toml`:4:8: the schema of act `p` has no `first` there; there are none",
        ),
        (
            "title.x",
            "`n.toml`:4:8: the schema of act `p` has no `x` there; there are none",
        ),
    ]
    .map(|(path, expected)| (document(path), expected));
    check_all(&cases);
}
