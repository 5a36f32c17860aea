//! Reading a filter. Nothing of it is SQL text afterwards.

use super::{Comparison, Condition, Filter, Literal, Moment, MomentBase, Operand, Shift, Test};
use crate::table::{
    FragmentError, Interval,
    fragment::{Reader, is_of_word},
    interval,
};

/// The accepted grammar, for refusals.
const GRAMMAR: &str = "`where` is tests joined by `and`, `or` and `not`, with parentheses: `COLUMN OPERATOR VALUE` with \
                       one of = != <> < <= > >=, `COLUMN [not] in (VALUE, …)`, `COLUMN [not] between VALUE and VALUE`, \
                       `COLUMN [not] like 'text'` or `ilike`, and `COLUMN is [not] null`, `true` or `false`; a value is \
                       'text', a number, true, false, a column, or now() or current_date, also with \
                       `- interval '30 days'`";

/// The words that a column can only be called in double quotes.
pub(super) const RESERVED: [&str; 15] = [
    "and",
    "or",
    "not",
    "in",
    "between",
    "like",
    "ilike",
    "is",
    "null",
    "true",
    "false",
    "now",
    "current_timestamp",
    "current_date",
    "interval",
];

/// How deep `not` and parentheses may stand in each other: what people write, and far from the end of the stack.
const DEEPEST: u32 = 32;

/// How many steps lead from now to a moment at most: as few as no calendar ends within.
const MOST_SHIFTS: usize = 4;

/// Longer signs first, or `<=` would be read as `<`.
const SIGNS: [(&str, Comparison); 7] = [
    ("!=", Comparison::NotEqual),
    ("<>", Comparison::NotEqual),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("=", Comparison::Equal),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

impl Filter {
    /// Reads the text of a `where`, of at most 10,000 bytes and 32 levels.
    ///
    /// Names of columns are in lower case; keywords are in whatever case; a column that is called like a keyword stands in
    /// double quotes. What is printed of a filter is read as the same filter.
    ///
    /// # Errors
    ///
    /// [`FragmentError`] with the place where the text leaves the grammar, and what was expected there.
    pub fn parse(text: &str) -> Result<Self, FragmentError> {
        let mut reader = Reader::new(text, GRAMMAR)?;
        let condition = any(&mut reader, 0)?;
        if !reader.at_end() {
            return Err(unexpected(&mut reader, "expected `and`, `or` or the end"));
        }
        Ok(Self {
            condition: Some(condition),
        })
    }
}

type Parsed<T> = Result<T, FragmentError>;

fn any(reader: &mut Reader<'_>, depth: u32) -> Parsed<Condition> {
    let mut conditions = vec![all(reader, depth)?];
    while reader.keyword("or") {
        conditions.push(all(reader, depth)?);
    }
    Ok(one_or(conditions, Condition::Any))
}

fn all(reader: &mut Reader<'_>, depth: u32) -> Parsed<Condition> {
    let mut conditions = vec![single(reader, depth)?];
    while reader.keyword("and") {
        conditions.push(single(reader, depth)?);
    }
    Ok(one_or(conditions, Condition::All))
}

fn one_or(mut conditions: Vec<Condition>, joined: fn(Vec<Condition>) -> Condition) -> Condition {
    match conditions.pop() {
        Some(only) if conditions.is_empty() => only,
        last => {
            conditions.extend(last);
            joined(conditions)
        }
    }
}

fn single(reader: &mut Reader<'_>, depth: u32) -> Parsed<Condition> {
    if depth > DEEPEST {
        let wanted = format!("`not` and parentheses stand in each other more than {DEEPEST} deep");
        return Err(reader.refuse(&wanted));
    }
    if reader.keyword("not") {
        return Ok(Condition::Not(Box::new(single(reader, depth + 1)?)));
    }
    if reader.sign("(") {
        let inner = any(reader, depth + 1)?;
        return if reader.sign(")") {
            Ok(inner)
        } else {
            Err(unexpected(reader, "expected `and`, `or` or `)`"))
        };
    }
    test(reader).map(Condition::Test)
}

fn test(reader: &mut Reader<'_>) -> Parsed<Test> {
    let start = reader.skip_blanks();
    let left = operand(reader, "expected a column")?;
    let place = reader.skip_blanks();
    if let Some(comparison) = comparison(reader)? {
        let right = operand(reader, "expected a value or a column")?;
        let has_column = [&left, &right]
            .into_iter()
            .any(|operand| matches!(operand, Operand::Column(_)));
        if !has_column {
            return Err(reader.refuse_at(
                start,
                "expected a column on one side: without one a test holds of every row, or of none",
            ));
        }
        return Ok(Test::Compare {
            left,
            comparison,
            right,
        });
    }
    let Operand::Column(column) = left else {
        return Err(reader.refuse_at(place, "expected one of = != <> < <= > >= behind a value"));
    };
    if reader.keyword("is") {
        return is(reader, column);
    }
    let negated = reader.keyword("not");
    if reader.keyword("in") {
        return Ok(Test::In {
            column,
            values: list(reader)?,
            negated,
        });
    }
    if reader.keyword("between") {
        let low = operand(reader, "expected a value or a column")?;
        if !reader.keyword("and") {
            return Err(unexpected(reader, "expected `and` and the second value of `between`"));
        }
        return Ok(Test::Between {
            column,
            low,
            high: operand(reader, "expected a value or a column")?,
            negated,
        });
    }
    for (keyword, ignore_case) in [("like", false), ("ilike", true)] {
        if reader.keyword(keyword) {
            if !reader.sees("'") {
                return Err(reader.refuse(&format!("`{keyword}` wants a 'text'")));
            }
            return Ok(Test::Like {
                column,
                pattern: reader.quoted()?,
                ignore_case,
                negated,
            });
        }
    }
    let wanted = if negated {
        "expected `in`, `between`, `like` or `ilike`"
    } else {
        "expected an operator"
    };
    Err(unexpected(reader, wanted))
}

fn comparison(reader: &mut Reader<'_>) -> Parsed<Option<Comparison>> {
    if reader.sees("==") {
        return Err(reader.refuse("two values are equal with a single `=`"));
    }
    Ok(SIGNS
        .into_iter()
        .find(|(sign, _)| reader.sign(sign))
        .map(|(_, comparison)| comparison))
}

fn is(reader: &mut Reader<'_>, column: String) -> Parsed<Test> {
    let negated = reader.keyword("not");
    if reader.keyword("null") {
        return Ok(Test::IsNull { column, negated });
    }
    for (keyword, truth) in [("true", true), ("false", false)] {
        if reader.keyword(keyword) {
            return Ok(Test::IsTruth { column, truth, negated });
        }
    }
    Err(reader.refuse("expected `null`, `true` or `false`"))
}

fn list(reader: &mut Reader<'_>) -> Parsed<Vec<Operand>> {
    if !reader.sign("(") {
        return Err(reader.refuse("expected `(` and values"));
    }
    let mut values = Vec::new();
    loop {
        values.push(operand(reader, "expected a value or a column")?);
        if reader.sign(")") {
            return Ok(values);
        }
        if !reader.sign(",") {
            return Err(unexpected(reader, "expected `,` or `)`"));
        }
    }
}

fn operand(reader: &mut Reader<'_>, wanted: &str) -> Parsed<Operand> {
    let operand = if reader.sees("'") {
        Operand::Literal(Literal::Text(reader.quoted()?))
    } else if reader
        .rest()
        .starts_with(|first: char| first.is_ascii_digit() || first == '-')
    {
        Operand::Literal(number(reader)?)
    } else {
        named(reader, wanted)?
    };
    if reader.sees("::") {
        let detail = "no `::type` is needed or accepted: a value is compared in the type of its column; leave it out";
        return Err(reader.refuse(detail));
    }
    Ok(operand)
}

/// An operand that begins with a word.
fn named(reader: &mut Reader<'_>, wanted: &str) -> Parsed<Operand> {
    let start = reader.skip_blanks();
    for (keyword, truth) in [("true", true), ("false", false)] {
        if reader.keyword(keyword) {
            return Ok(Operand::Literal(Literal::Boolean(truth)));
        }
    }
    for (keyword, base) in [
        ("now", MomentBase::Now),
        ("current_timestamp", MomentBase::Now),
        ("current_date", MomentBase::Today),
    ] {
        if !reader.keyword(keyword) {
            continue;
        }
        if keyword == "now" && !(reader.sign("(") && reader.sign(")")) {
            return Err(reader.refuse("expected `()` behind `now`"));
        }
        let shifts = shifts(reader)?;
        return Ok(Operand::Moment(Moment { base, shifts }));
    }
    let word = reader.peek_word();
    if word.eq_ignore_ascii_case("null") {
        let detail = "nothing compares with null: write `is null` or `is not null`";
        return Err(reader.refuse(detail));
    }
    if word.eq_ignore_ascii_case("interval") {
        return Err(reader.refuse("an interval stands behind `now()` or `current_date` and a sign"));
    }
    let column = reader.column(&RESERVED, wanted)?;
    if reader.rest().starts_with('(') {
        return Err(reader.refuse_at(start, "no function is accepted but now()"));
    }
    if reader.sees("'") {
        return Err(reader.refuse_at(
            start,
            "a value is written without its type, which is that of its column",
        ));
    }
    Ok(Operand::Column(column.to_owned()))
}

fn shifts(reader: &mut Reader<'_>) -> Parsed<Vec<Shift>> {
    let mut shifts = Vec::new();
    loop {
        let place = reader.skip_blanks();
        let earlier = reader.sees("-");
        if !(reader.sign("-") || reader.sign("+")) {
            return Ok(shifts);
        }
        if shifts.len() == MOST_SHIFTS {
            return Err(reader.refuse_at(place, &format!("at most {MOST_SHIFTS} intervals stand behind a time")));
        }
        if !reader.keyword("interval") {
            return Err(reader.refuse("expected `interval` and a text such as '30 days'"));
        }
        let place = reader.skip_blanks();
        let text = reader.quoted()?;
        let by = Interval::parse(&text).ok_or_else(|| reader.refuse_at(place, interval::FORM))?;
        shifts.push(Shift { earlier, by });
    }
}

fn number(reader: &mut Reader<'_>) -> Parsed<Literal> {
    let start = reader.skip_blanks();
    let rest = reader.rest();
    let digits = |from: usize| {
        let tail = rest.get(from..).unwrap_or_default();
        from + tail.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(tail.len())
    };
    let has = |at: usize, signs: &[char]| rest.get(at..).is_some_and(|tail| tail.starts_with(signs));
    let first = usize::from(has(0, &['-']));
    let whole = digits(first);
    let mut end = whole;
    if has(end, &['.']) {
        end = digits(end + 1);
    }
    if has(end, &['e', 'E']) {
        let sign = usize::from(has(end + 1, &['-', '+']));
        end = digits(end + 1 + sign);
    }
    let word = &rest[..end];
    let ends_there = !rest[end..].starts_with(|next: char| is_of_word(next) || next == '.');
    let literal = if !ends_there || whole == first {
        None
    } else if end == whole {
        word.parse().ok().map(Literal::Integer)
    } else {
        let float: Option<f64> = word.parse().ok();
        float.filter(|float| float.is_finite()).map(Literal::Float)
    };
    let Some(literal) = literal else {
        return Err(reader.refuse_at(start, "expected a number that fits into 64 bits"));
    };
    reader.pass(end);
    Ok(literal)
}

/// The refusal of what stands next, with a word on what is tried often.
fn unexpected(reader: &mut Reader<'_>, wanted: &str) -> FragmentError {
    if reader.sees("+") || reader.sees("-") || reader.sees("*") || reader.sees("/") {
        let wanted = format!("{wanted}: nothing is calculated but `now()` or `current_date` with an interval");
        return reader.refuse(&wanted);
    }
    reader.refuse(wanted)
}
