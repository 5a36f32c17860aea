//! What the parent of a process learns from its exit code.

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

/// How a run that did not fail came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Everything was done, or drained after a first signal: exit code 0.
    Clean,
    /// A second signal cut the drain short: exit code 130, as a shell reports an interrupt.
    Forced,
}

/// Turns the outcome of a run into its exit code: 0 or 130 by its [`Ending`], 1 for an error.
///
/// An error is written to `stderr` as one `error: …` line first; with `anyhow` errors the line holds the whole chain
/// of causes. Code 2 is left to the parser of the command line.
pub fn exit_code<E: Display>(outcome: &Result<Ending, E>, stderr: &mut impl Write) -> ExitCode {
    match outcome {
        Ok(Ending::Clean) => ExitCode::SUCCESS,
        Ok(Ending::Forced) => ExitCode::from(130),
        Err(error) => {
            // A closed stderr must not hide the exit code.
            let _ = writeln!(stderr, "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `ExitCode` has no equality; its debug form holds the number.
    fn shown(code: ExitCode) -> String {
        format!("{code:?}")
    }

    #[test]
    fn an_error_is_one_line_on_stderr_and_exit_code_1() {
        let mut stderr = Vec::new();
        let code = exit_code(&Err::<Ending, _>("the queue could not be read"), &mut stderr);
        assert_eq!(shown(code), shown(ExitCode::from(1)));
        assert_eq!(String::from_utf8_lossy(&stderr), "error: the queue could not be read\n");
    }

    #[test]
    fn a_drain_that_was_cut_short_is_told_apart_from_a_clean_one() {
        let mut stderr = Vec::new();
        let clean = exit_code(&Ok::<_, String>(Ending::Clean), &mut stderr);
        let forced = exit_code(&Ok::<_, String>(Ending::Forced), &mut stderr);
        assert_eq!(shown(clean), shown(ExitCode::SUCCESS));
        assert_eq!(shown(forced), shown(ExitCode::from(130)));
        assert!(stderr.is_empty());
    }
}
