//! What cannot be played is refused with its place and the way out, never ignored.

use botticelli_narrative::parse;

pub(crate) fn refusal(text: &str) -> String {
    match parse("n.toml", text) {
        Ok(file) => format!("accepted: {:?}", file.names().collect::<Vec<_>>()),
        Err(error) => error.to_string(),
    }
}

/// Checks documents that begin with a narrative of the one act `a`.
pub(crate) fn check(cases: &[(&str, &str)]) {
    let cases: Vec<(String, &str)> = cases
        .iter()
        .map(|(rest, expected)| (format!("[narrative.n]\ntoc = ['a']\n{rest}"), *expected))
        .collect();
    check_all(&cases);
}

/// Checks whole documents, and shows everything that is said otherwise than expected.
pub(crate) fn check_all(cases: &[(String, &str)]) {
    let otherwise: Vec<String> = cases
        .iter()
        .filter_map(|(text, expected)| {
            let told = refusal(text);
            (told != *expected).then(|| format!("{text}\n  said: {told}\n  wanted: {expected}"))
        })
        .collect();
    assert!(otherwise.is_empty(), "{}", otherwise.join("\n"));
}

#[test]
fn misspelt_keys_are_refused_with_the_right_one() {
    check(&[
        (
            "targt = 't'\n[acts]\na = 'A'\n",
            "`n.toml`:3:1: unknown key `targt`; did you mean `target`?",
        ),
        (
            "[acts.a]\ninput = ['A']\ntemprature = 1\n",
            "`n.toml`:5:1: unknown key `temprature`; did you mean `temperature`?",
        ),
        (
            "[acts.a]\ninput = [{ contnt = 'A' }]\n",
            "`n.toml`:4:12: unknown key `contnt`; did you mean `content`?",
        ),
        (
            "[act]\na = 'A'\n",
            "`n.toml`:2:8: unknown act `a`; there are none\n`n.toml`:3:2: key `act` is not accepted; write `[acts.NAME]`",
        ),
        (
            "[carousel]\n",
            "`n.toml`:2:8: unknown act `a`; there are none\n`n.toml`:3:2: unknown key `carousel`; the keys here are `narrative`, `narratives`, `toc`, `acts`, `tables`, `schemas`, `bots`, `media`, `config`",
        ),
    ]);
}

#[test]
fn keys_of_other_tools_are_refused_with_what_to_write_instead() {
    check(&[
        (
            "title = 'T'\n[acts]\na = 'A'\n",
            "`n.toml`:3:1: key `title` is not accepted; say it in `description`",
        ),
        (
            "[acts.a]\ninputs = ['A']\ninput = ['A']\n",
            "`n.toml`:4:1: key `inputs` is not accepted; write `input`",
        ),
        (
            "[acts.a]\ninput = ['A']\nconfig = { model = 'm' }\n",
            "`n.toml`:5:1: key `config` is not accepted; write `model`, `temperature` and `max_tokens` in the act itself",
        ),
        (
            "[acts.a]\ninput = ['A']\nrole = 'system'\n",
            "`n.toml`:5:1: key `role` is not accepted; write what the system says in `system`, and the rest in `prompt` or `input`",
        ),
        (
            "[acts]\na = 'A'\n[[steps]]\nx = 1\n",
            "`n.toml`:5:3: key `steps` is not accepted; write each step as `[acts.NAME]`, and their order in `toc`",
        ),
    ]);
    assert_eq!(
        refusal("[toc]\norder = ['a']\ncarousel = 1\n[narrative]\nname = 'n'\n[acts]\na = 'A'\n"),
        "`n.toml`:3:1: key `carousel` is not accepted; it belongs in `[narrative.carousel]`"
    );
}

#[test]
fn every_mistake_of_a_file_is_named_and_none_that_only_follows() {
    let text = "
[narrative.n]
toc = ['a', 'b', 'gone']
temperature = 9
[acts]
b = 'About {{c}} and {{ a | shout }}'
[acts.a]
input = [{ contnt = 'A' }]
[tables.t]
table_name = 'T'
where = 'x ='
";
    assert_eq!(
        refusal(text).lines().collect::<Vec<_>>(),
        [
            "`n.toml`:3:18: unknown act `gone`; there are `a`, `b`",
            "`n.toml`:4:15: `temperature` is 9; it must be from 0 to 2",
            "`n.toml`:6:14: unknown name `c`; there are `a`, `previous`, `iteration`, `iterations`, `args.KEY`, `env:VAR`, `state:KEY`",
            "`n.toml`:6:29: unknown filter `shout`; the filters and tests are those of Jinja",
            "`n.toml`:8:12: unknown key `contnt`; did you mean `content`?",
            "`n.toml`:10:14: table `T` is not a name; use lower-case letters, digits and `_`, at most 63, and no digit first",
            "`n.toml`:11:13: expected a value or a column; `where` is tests joined by `and`, `or` and `not`, with parentheses: \
             `COLUMN OPERATOR VALUE` with one of = != <> < <= > >=, `COLUMN [not] in (VALUE, …)`, `COLUMN [not] between VALUE \
             and VALUE`, `COLUMN [not] like 'text'` or `ilike`, and `COLUMN is [not] null`, `true` or `false`; a value is \
             'text', a number, true, false, a column, or now() or current_date, also with `- interval '30 days'`",
        ]
    );
}

#[test]
fn inputs_must_refer_to_what_exists() {
    check(&[
        (
            "[acts]\na = ['A', 'media.logo']\n",
            "`n.toml`:4:11: unknown media `logo`; there are none",
        ),
        (
            "[acts]\na = 'narrative:other'\n",
            "`n.toml`:4:5: other files are not read here",
        ),
        (
            "[acts]\na = 'narratives.other'\n",
            "`n.toml`:4:5: unknown narrative `other`; there are `n`",
        ),
        (
            "[acts.a]\ninput = [{ type = 'bot_command' }]\n",
            "`n.toml`:4:10: an input of type `bot_command` wants `platform` and `command`",
        ),
        (
            "[acts.a]\ninput = [{ type = 'image' }]\n",
            "`n.toml`:4:10: an input of type `image` wants exactly one of `url`, `file` and `base64`",
        ),
        (
            "[acts.a]\ninput = [{ type = 'tabel' }]\n",
            "`n.toml`:4:19: an input cannot have the type `tabel`; did you mean `table`?",
        ),
        (
            "[acts.a]\ninput = [{ content = 'A', history_retention = 'ful' }]\n",
            "`n.toml`:4:47: `history_retention` cannot be `ful`; did you mean `full`?",
        ),
        (
            "[acts.a]\ninput = [{ ref = 'somewhere' }]\n",
            "`n.toml`:4:18: `somewhere` cannot be an input; write `tables.NAME`, `bots.NAME`, `media.NAME` or `narratives.NAME`",
        ),
    ]);
}

#[test]
fn acts_and_inputs_must_make_sense() {
    check(&[
        ("[acts]\nb = 'B'\n", "`n.toml`:2:8: unknown act `a`; there are `b`"),
        (
            "[acts.a]\n",
            "`n.toml`:3:7: act `a` has no input; write a text, `input` or `narrative`",
        ),
        (
            "[acts]\na = '  '\n",
            "`n.toml`:4:5: the text is blank; write a prompt or leave it out",
        ),
        (
            "[acts]\na = 3\n",
            "`n.toml`:4:5: key `acts.a`: invalid type: integer `3`, expected a text, a list of inputs, or a table with `input` or `narrative`",
        ),
        (
            "[acts]\na = ['A', 3]\n",
            "`n.toml`:4:11: key `acts.a[1]`: invalid type: integer `3`, expected a text, a reference such as `tables.NAME`, or a table",
        ),
        (
            "[acts]\na = 'tables.recnt'\n[tables.recent]\ntable_name = 't'\n",
            "`n.toml`:4:5: unknown table `recnt`; did you mean `recent`?",
        ),
        (
            "[acts]\na = 'tables.x'\n",
            "`n.toml`:4:5: unknown table `x`; there are none",
        ),
        (
            "[acts.a]\ninput = [{ type = 'table' }]\n",
            "`n.toml`:4:10: an input of type `table` wants `table_name`, or `ref = \"tables.NAME\"`",
        ),
        (
            "[acts.a]\ninput = [{ }]\n",
            "`n.toml`:4:10: the input wants `content`, `file`, `ref`, `table_name` or `command`",
        ),
        (
            "[acts.a]\ninput = [{ content = 'A', limit = 3 }]\n",
            "`n.toml`:4:35: an input of type `text` has no `limit`; leave it out",
        ),
        (
            "[acts.a]\ninput = [{ ref = 'tables.t', limit = 3 }]\n",
            "`n.toml`:4:38: an input with `ref` has no `limit`; leave it out",
        ),
        (
            "[acts.'b c']\ninput = ['A']\n",
            "`n.toml`:2:8: unknown act `a`; there are `b c`\n`n.toml`:3:7: act `b c` cannot be called so; use at most 63 letters, digits, `_` and `-`",
        ),
        (
            "[acts]\nprevious = 'A'\n",
            "`n.toml`:2:8: unknown act `a`; there are `previous`\n`n.toml`:4:1: act `previous` cannot be called so; templates give `previous`, `iteration`, `iterations`, `repetition`, `repetitions`, `args`, `acts`, `env`, `state`, `loop`, `true`, `false` a meaning",
        ),
        (
            "[acts.a]\ninput = ['A']\nschema = 'schemas.pst'\n[schemas.post]\ntype = 'object'\n",
            "`n.toml`:5:10: unknown schema `pst`; did you mean `post`?",
        ),
        (
            "[acts.a]\ninput = ['A']\nschema = 'post'\n",
            "`n.toml`:5:10: `post` is not a schema; write `schemas.NAME` or the schema itself as a table",
        ),
        (
            "[acts.a]\ninput = ['A']\nschema = {}\n",
            "`n.toml`:5:10: the schema is empty; it wants at least a `type`",
        ),
        (
            "[acts.a]\ninput = ['A']\nschema = { type = 'objekt', required = 'b', properties.b = { minimum = 'x', pattern = '[' } }\n",
            "`n.toml`:5:10: this is no JSON schema: at `/properties/b/minimum` \"x\" is not of type \"number\"\n\
             `n.toml`:5:10: this is no JSON schema: at `/type`, `objekt` is no type; did you mean `object`?\n\
             `n.toml`:5:10: this is no JSON schema: at `/required` \"b\" is not of type \"array\"\n\
             `n.toml`:5:10: this is no JSON schema: at `/properties/b/pattern` \"[\" is not a \"regex\"",
        ),
        (
            "[acts.a]\ninput = ['A']\nschema = { type = 'object', required = ['bdy'], additionalProperties = false, properties.body = { type = 'string' } }\n",
            "`n.toml`:5:10: no answer satisfies the schema: `/required` wants `bdy`, which is none of its `properties`; write it among the `properties`, or leave `additionalProperties = false` out",
        ),
        (
            "[acts.a]\ninput = ['A']\nschema = { const = 1979-05-27 }\n",
            "`n.toml`:5:10: the schema holds a date, which JSON does not know; write it in quotes",
        ),
        (
            "[acts.a]\ninput = ['A']\nschema = { const = nan }\n",
            "`n.toml`:5:10: the schema holds a number that JSON cannot write; use a finite one",
        ),
        (
            "[acts]\na = 'A'\n[schemas]\ns = 'x'\n",
            "`n.toml`:6:1: schema `s` is not a table; write `[schemas.s]`",
        ),
        (
            "[acts]\na = 'A'\n[bots.b]\nplatform = ''\ncommand = 'c'\n",
            "`n.toml`:6:12: `platform` of bot `b` is blank",
        ),
        (
            "[acts]\na = 'A'\n[media.m]\nurl = 'u'\nfile = 'f'\n",
            "`n.toml`:5:8: media `m` wants exactly one of `url`, `file` and `base64`",
        ),
    ]);
}

#[test]
fn keywords_of_a_schema_that_mean_nothing_are_warned_of() {
    let text = "[narrative.n]\ntoc = ['a']\n[acts.a]\ninput = ['A']\n[acts.a.schema]\ntype = 'object'\n\
                properties.title = { type = 'string', minLenght = 3, x-note = 'ours' }\n";
    let report = botticelli_narrative::check("n.toml", text, &botticelli_narrative::Surroundings::default());
    let said: Vec<String> = report.diagnostics.iter().map(ToString::to_string).collect();
    let expected =
        "`n.toml`:5:1: the schema's keyword `/properties/title/minLenght` means nothing; did you mean `minLength`?";
    assert_eq!(said, [expected]);
    assert!(report.file.is_some());
}

#[test]
fn numbers_must_be_in_range() {
    check(&[
        (
            "temperature = 2.1\n[acts]\na = 'A'\n",
            "`n.toml`:3:15: `temperature` is 2.1; it must be from 0 to 2",
        ),
        (
            "[acts.a]\ninput = ['A']\ntemperature = nan\n",
            "`n.toml`:5:15: `temperature` is NaN; it must be from 0 to 2",
        ),
        (
            "[acts.a]\ninput = ['A']\nmax_tokens = 0\n",
            "`n.toml`:5:14: `max_tokens` is 0; it must be at least 1",
        ),
        (
            "timeout = '18446744073709551615s 1000000000ns'\n[acts]\na = 'A'\n",
            "`n.toml`:3:11: `timeout` is `18446744073709551615s 1000000000ns`; write a time of at most an hour, such as \"30s\" or \"2m\"",
        ),
        (
            "carousel = { iterations = 0 }\n[acts]\na = 'A'\n",
            "`n.toml`:3:27: `iterations` is 0; it must be from 1 to 1000",
        ),
        (
            "carousel = { iterations = 1001 }\n[acts]\na = 'A'\n",
            "`n.toml`:3:27: `iterations` is 1001; it must be from 1 to 1000",
        ),
        (
            "carousel = { }\n[acts]\na = 'A'\n",
            "`n.toml`:3:12: missing key `iterations` in `narrative.n.carousel`",
        ),
        (
            "budget = { rpm_multiplier = 1.5 }\n[acts]\na = 'A'\n",
            "`n.toml`:3:29: `rpm_multiplier` is 1.5; it must be over 0 and at most 1",
        ),
        (
            "[acts]\na = 'A'\n[tables.t]\ntable_name = 't'\nlimit = 0\n",
            "`n.toml`:7:9: `limit` is 0; it must be from 1 to 1000",
        ),
        (
            "[acts]\na = 'A'\n[tables.t]\ntable_name = 't'\noffset = -1\n",
            "`n.toml`:7:10: `offset` is -1; it must be at least 0",
        ),
    ]);
}

#[test]
fn narratives_must_fit_together() {
    let cases = [
        ("[acts]\na = 'A'\n", "`n.toml`:1:1: the file has no narrative; write `[narrative]` with `name`, or `[narrative.NAME]` for each of several"),
        (
            "toc = []\n[narrative]\nname = 'n'\n",
            "`n.toml`:1:7: the `toc` of narrative `n` is empty; name its acts in order",
        ),
        (
            "toc = ['a']\n[narrative]\n[acts]\na = 'A'\n",
            "`n.toml`:2:1: the narrative has no `name`; write one in `[narrative]`",
        ),
        (
            "toc = ['a']\n[narrative]\nname = ' '\n[acts]\na = 'A'\n",
            "`n.toml`:3:8: the narrative's name is blank or has control characters",
        ),
        (
            "[narrative]\nname = 'n'\n[acts]\na = 'A'\n",
            "`n.toml`:2:8: narrative `n` has no `toc`; name its acts in order",
        ),
        (
            "toc = ['a']\n[narrative]\nname = 'n'\ntoc = ['a']\n[acts]\na = 'A'\n",
            "`n.toml`:1:7: the file has two `toc`; keep one",
        ),
        (
            "toc = ['a']\n[narrative.n]\ntoc = ['a']\n[acts]\na = 'A'\n",
            "`n.toml`:1:7: a file of several narratives has no `toc` of its own; write one in each `[narrative.NAME]`",
        ),
        (
            "[narrative.n]\nname = 'm'\ntoc = ['a']\n[acts]\na = 'A'\n",
            "`n.toml`:2:8: narrative `n` calls itself `m`; use one name, or leave `name` out",
        ),
        (
            "[narrative.n]\ntoc = ['a', 'a']\n[acts]\na = 'A'\n",
            "`n.toml`:2:13: act `a` stands twice in the `toc`; give the second one a name of its own",
        ),
        (
            "[narrative.n]\ntarget = ''\ntoc = ['a']\n[acts]\na = 'A'\n",
            "`n.toml`:2:10: `target` is blank; name a table or leave it out",
        ),
        (
            "[narrative.n]\ntoc = ['a']\n[acts.a]\nnarrative = 'm'\n",
            "`n.toml`:4:13: unknown narrative `m`; there are `n`",
        ),
        (
            "[narrative.n]\ntoc = ['a']\n[acts.a]\nnarrative = 'n'\n",
            "`n.toml`:4:13: narratives compose each other in a circle: `n` -> `n`",
        ),
        (
            "[narrative.n]\ntoc = ['a']\n[narrative.m]\ntoc = ['b']\n[acts.a]\nnarrative = 'm'\n[acts.b]\nnarrative = 'n'\n",
            "`n.toml`:8:13: narratives compose each other in a circle: `n` -> `m` -> `n`",
        ),
        (
            "[narrative.n]\ntoc = ['a']\n[narrative.m]\ntoc = ['b']\n[acts]\nb = 'B'\n[acts.a]\nnarrative = 'm'\ninput = ['x']\n",
            "`n.toml`:9:10: act `a` plays narrative `m`, so it has no `input`; write it there",
        ),
        (
            "[narrative.n]\ntoc = ['a']\ncarousel = { iterations = 1000 }\n[narrative.m]\ntoc = ['b']\ncarousel = { iterations = 11 }\n[acts]\nb = 'B'\n[acts.a]\nnarrative = 'm'\n",
            "`n.toml`:1:12: one run of narrative `n` would play 11000 acts; at most 10000 are allowed",
        ),
    ]
    .map(|(text, expected)| (text.to_owned(), expected));
    check_all(&cases);
}

#[test]
fn narratives_cannot_stand_in_each_other_without_end_whatever_their_order() {
    let narrative = |level: usize| {
        format!(
            "[narrative.n{level}]\ntoc = ['a{level}']\n[acts.a{level}]\nnarrative = 'n{}'\n",
            level + 1
        )
    };
    for levels in [8_usize, 9] {
        let leaf = format!("[narrative.n{levels}]\ntoc = ['leaf']\n[acts.leaf]\ninput = ['x']\n");
        let mut parts: Vec<String> = (1..levels).map(narrative).chain([leaf]).collect();
        for _ in 0..2 {
            let told = refusal(&parts.concat());
            let too_deep = told.ends_with("narratives stand in each other more than 8 deep; compose fewer");
            assert_eq!(too_deep, levels == 9, "{told}");
            parts.reverse();
        }
    }
}
