//! SPDX licence expressions, evaluated against a set of accepted licences.

use anyhow::{Result, bail};

/// Returns whether the accepted licences satisfy an expression such as
/// `(MIT OR Apache-2.0) AND Unicode-3.0`. An exception belongs to its licence: a term
/// `Apache-2.0 WITH LLVM-exception` is accepted only if `accepts` accepts this whole text.
/// A slash means `OR`, as Cargo once wrote it.
pub(crate) fn satisfied(expression: &str, accepts: &dyn Fn(&str) -> bool) -> Result<bool> {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut parser = Parser { tokens: spaced.split_whitespace().collect(), next: 0, accepts };
    let satisfied = parser.alternatives()?;
    match parser.peek() {
        None => Ok(satisfied),
        Some(token) => bail!("unexpected `{token}` in the licence expression `{expression}`"),
    }
}

/// Recursive descent: `AND` binds more tightly than `OR`.
struct Parser<'a> {
    tokens: Vec<&'a str>,
    next: usize,
    accepts: &'a dyn Fn(&str) -> bool,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.tokens.get(self.next).copied()
    }

    /// Consumes the next token if it is `word`.
    fn skip(&mut self, word: &str) -> bool {
        let found = self.peek() == Some(word);
        self.next += usize::from(found);
        found
    }

    fn alternatives(&mut self) -> Result<bool> {
        let mut satisfied = self.conjunction()?;
        while self.skip("OR") {
            satisfied |= self.conjunction()?;
        }
        Ok(satisfied)
    }

    fn conjunction(&mut self) -> Result<bool> {
        let mut satisfied = self.term()?;
        while self.skip("AND") {
            satisfied &= self.term()?;
        }
        Ok(satisfied)
    }

    fn term(&mut self) -> Result<bool> {
        if self.skip("(") {
            let satisfied = self.alternatives()?;
            if !self.skip(")") {
                bail!("a licence expression lacks `)`");
            }
            return Ok(satisfied);
        }
        let licence = self.identifier()?;
        if self.skip("WITH") {
            let exception = self.identifier()?;
            return Ok((self.accepts)(&format!("{licence} WITH {exception}")));
        }
        Ok((self.accepts)(licence))
    }

    fn identifier(&mut self) -> Result<&'a str> {
        match self.peek() {
            Some(token) if !["AND", "OR", "WITH", "(", ")"].contains(&token) => {
                self.next += 1;
                Ok(token)
            }
            other => bail!("a licence expression has `{}` where a licence belongs", other.unwrap_or("its end")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCEPTED: [&str; 4] = ["MIT", "Apache-2.0", "Unicode-3.0", "GPL-2.0-only WITH Classpath-exception-2.0"];

    fn satisfied_by_accepted(expression: &str) -> Result<bool> {
        satisfied(expression, &|licence| ACCEPTED.contains(&licence))
    }

    #[test]
    fn one_alternative_suffices_and_every_part_of_a_conjunction_is_needed() {
        let cases = [
            ("MIT", true),
            ("GPL-3.0-only", false),
            ("MIT OR GPL-3.0-only", true),
            ("GPL-3.0-only OR LGPL-2.1-or-later OR MIT", true),
            ("MIT AND GPL-3.0-only", false),
            ("(MIT OR GPL-3.0-only) AND Unicode-3.0", true),
            ("(GPL-3.0-only OR ISC) AND Unicode-3.0", false),
            ("((MIT))", true),
        ];
        for (expression, expected) in cases {
            assert_eq!(satisfied_by_accepted(expression).unwrap(), expected, "{expression}");
        }
    }

    #[test]
    fn and_binds_more_tightly_than_or() {
        assert!(satisfied_by_accepted("MIT OR GPL-3.0-only AND ISC").unwrap());
        assert!(satisfied_by_accepted("GPL-3.0-only AND ISC OR MIT").unwrap());
        assert!(!satisfied_by_accepted("(MIT OR GPL-3.0-only) AND ISC").unwrap());
    }

    #[test]
    fn a_slash_separates_alternatives() {
        assert!(satisfied_by_accepted("Unlicense/MIT").unwrap());
        assert!(satisfied_by_accepted("Apache-2.0 / MIT").unwrap());
        assert!(!satisfied_by_accepted("Unlicense/ISC").unwrap());
    }

    #[test]
    fn an_exception_belongs_to_its_licence() {
        assert!(satisfied_by_accepted("GPL-2.0-only WITH Classpath-exception-2.0").unwrap());
        assert!(!satisfied_by_accepted("GPL-2.0-only").unwrap());
        assert!(!satisfied_by_accepted("MIT WITH Classpath-exception-2.0").unwrap());
    }

    #[test]
    fn malformed_expressions_are_errors() {
        for malformed in ["", "MIT OR", "AND MIT", "(MIT", "MIT)", "MIT Apache-2.0", "MIT WITH", "()"] {
            assert!(satisfied_by_accepted(malformed).is_err(), "{malformed}");
        }
    }
}
