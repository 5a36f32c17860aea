//! The grammar of `where`.

use super::{FragmentError, is_identifier};

/// The accepted grammar, for refusals.
pub(crate) const GRAMMAR: &str = "`where` is `COLUMN OPERATOR VALUE` joined by `and`, where the operator is one of \
                                  = != < <= > >= like, or `COLUMN is [not] null`, and a value is 'text', a number, \
                                  true or false";

/// Which rows to read: those that satisfy every condition.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    /// The conditions; none means every row.
    pub conditions: Vec<Condition>,
}

/// A test of one column.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The column.
    pub column: String,
    /// What must hold of it.
    pub test: Test,
}

/// What must hold of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// It compares so with a literal.
    Compare(Comparison, Literal),
    /// It has no value.
    IsNull,
    /// It has a value.
    IsNotNull,
}

/// How a column compares with a literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `like`, with SQL's `%` and `_`
    Like,
}

/// A value written in a filter.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// A text in single quotes.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
}

impl Filter {
    /// Reads the text of a `where`.
    pub(crate) fn parse(text: &str) -> Result<Self, FragmentError> {
        let mut reader = Reader { text, at: 0 };
        let mut conditions = vec![reader.condition()?];
        while !reader.at_end() {
            if !reader.keyword("and") {
                return Err(reader.refuse("expected `and` or the end"));
            }
            conditions.push(reader.condition()?);
        }
        Ok(Self { conditions })
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn condition(&mut self) -> Result<Condition, FragmentError> {
        let start = self.skip_blanks();
        let column = self.word();
        if !is_identifier(column) {
            self.at = start;
            return Err(self.refuse("expected a column"));
        }
        if self.keyword("is") {
            let test = if self.keyword("not") {
                Test::IsNotNull
            } else {
                Test::IsNull
            };
            if !self.keyword("null") {
                return Err(self.refuse("expected `null`"));
            }
            return Ok(Condition {
                column: column.to_owned(),
                test,
            });
        }
        let comparison = self.comparison()?;
        let place = self.skip_blanks();
        let literal = self.literal()?;
        if comparison == Comparison::Like && !matches!(literal, Literal::Text(_)) {
            self.at = place;
            return Err(self.refuse("`like` wants a 'text'"));
        }
        Ok(Condition {
            column: column.to_owned(),
            test: Test::Compare(comparison, literal),
        })
    }

    fn comparison(&mut self) -> Result<Comparison, FragmentError> {
        if self.keyword("like") {
            return Ok(Comparison::Like);
        }
        self.skip_blanks();
        // Longer signs first, or `<=` would be read as `<`.
        let signs = [
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("=", Comparison::Equal),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        for (sign, comparison) in signs {
            if self.rest().starts_with(sign) {
                self.at += sign.len();
                return Ok(comparison);
            }
        }
        Err(self.refuse("expected an operator"))
    }

    fn literal(&mut self) -> Result<Literal, FragmentError> {
        let start = self.skip_blanks();
        if self.rest().starts_with('\'') {
            return self.quoted();
        }
        let length = self
            .rest()
            .find(|character: char| !is_bare(character))
            .unwrap_or(self.rest().len());
        let word = &self.rest()[..length];
        let literal = match word.to_ascii_lowercase().as_str() {
            "true" => Some(Literal::Boolean(true)),
            "false" => Some(Literal::Boolean(false)),
            "null" => return Err(self.refuse("nothing compares with null: write `is null` or `is not null`")),
            _ if word.starts_with(|first: char| first.is_ascii_digit() || first == '-') => number(word),
            _ => None,
        };
        self.at = if literal.is_some() { start + length } else { start };
        literal.ok_or_else(|| self.refuse("expected a value"))
    }

    /// A text in single quotes, in which a doubled quote means one.
    fn quoted(&mut self) -> Result<Literal, FragmentError> {
        let inner = &self.rest()[1..];
        let mut value = String::new();
        let mut characters = inner.char_indices().peekable();
        while let Some((index, character)) = characters.next() {
            if character != '\'' {
                value.push(character);
            } else if characters.next_if(|(_, next)| *next == '\'').is_some() {
                value.push('\'');
            } else {
                self.at += 1 + index + 1;
                return Ok(Literal::Text(value));
            }
        }
        Err(self.refuse("the quote is never closed"))
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let start = self.skip_blanks();
        let found = self.word().eq_ignore_ascii_case(keyword);
        if !found {
            self.at = start;
        }
        found
    }

    fn word(&mut self) -> &'a str {
        self.skip_blanks();
        let rest = self.rest();
        let length = rest
            .find(|character: char| !character.is_ascii_alphanumeric() && character != '_')
            .unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn skip_blanks(&mut self) -> usize {
        self.at = self.text.len() - self.rest().trim_start().len();
        self.at
    }

    fn at_end(&mut self) -> bool {
        self.skip_blanks() == self.text.len()
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn refuse(&self, wanted: &str) -> FragmentError {
        let offset = self.text.len() - self.rest().trim_start().len();
        FragmentError {
            offset,
            detail: format!("{wanted}; {GRAMMAR}"),
        }
    }
}

fn is_bare(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '+' | '.' | '_')
}

fn number(word: &str) -> Option<Literal> {
    if let Ok(integer) = word.parse() {
        return Some(Literal::Integer(integer));
    }
    word.parse()
        .ok()
        .filter(|float: &f64| float.is_finite())
        .map(Literal::Float)
}
